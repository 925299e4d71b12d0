// SPDX-License-Identifier: GPL-2.0
/* What STATS and /proc/vmstat say of pins, exactly, after each step. */
#include "actor.h"
#include "dax_fixture.h"

#include <time.h>

#define SLOTS	24
#define STEPS	400
#define PEERS	3

static struct daxlease_stats stats_now(struct __test_metadata *_metadata)
{
	struct daxlease_stats stats;

	ASSERT_EQ(0, lease_stats(&stats));
	return stats;
}

TEST_F(dax, each_step_of_one_pin)
{
	struct daxlease_stats before, after;
	uint32_t id;

	before = stats_now(_metadata);
	EXPECT_EQ(0, before.leases);
	acquire_whole();
	after = stats_now(_metadata);
	EXPECT_EQ(1, after.leases);
	EXPECT_EQ(before.acquired + 1, after.acquired);
	EXPECT_EQ(0, after.pins);

	ASSERT_EQ(0, pin_pages(3, 5, TESTDEV_PIN_WRITE, &id));
	after = stats_now(_metadata);
	EXPECT_EQ(1, after.pins);
	EXPECT_EQ(5, after.pinned_pages);
	EXPECT_LT(before.pinned, after.pinned);
	EXPECT_TRUE(foll_pins_become(self->foll_pins + 5));

	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	after = stats_now(_metadata);
	EXPECT_EQ(0, after.pins);
	EXPECT_EQ(0, after.pinned_pages);
	EXPECT_EQ(1, after.leases);
	EXPECT_TRUE(foll_pins_become(self->foll_pins));

	ASSERT_EQ(0, lease_release(self->lease));
	after = stats_now(_metadata);
	EXPECT_EQ(0, after.leases);
	EXPECT_EQ(before.pin_refused, after.pin_refused);
}

TEST_F(dax, refused_pins_count_nothing)
{
	struct daxlease_stats before, after;
	uint32_t id;

	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 0, 4 * PAGE_SZ, NULL));
	before = stats_now(_metadata);
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(-EOPNOTSUPP, pin_pages(2, 4, TESTDEV_PIN_WRITE, &id));
	after = stats_now(_metadata);
	EXPECT_EQ(0, after.pins);
	EXPECT_EQ(0, after.pinned_pages);
	EXPECT_LT(before.pin_refused, after.pin_refused);
	EXPECT_TRUE(foll_pins_become(self->foll_pins));
}

TEST_F(dax, pages_that_are_pinned_twice_count_twice)
{
	struct lease_view view;
	struct stat st;
	uint32_t id[3];

	acquire_whole();
	ASSERT_EQ(0, pin_pages(0, 8, TESTDEV_PIN_WRITE, &id[0]));
	ASSERT_EQ(0, pin_pages(4, 8, 0, &id[1]));
	ASSERT_EQ(0, pin_pages(0, 8, TESTDEV_PIN_WRITE, &id[2]));
	EXPECT_EQ(24, lease_pinned_pages());
	EXPECT_TRUE(foll_pins_become(self->foll_pins + 24));
	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	EXPECT_EQ(3, view.lease.pins);
	EXPECT_EQ(24, view.lease.pinned_pages);
	EXPECT_EQ(3, view.pins);
	ASSERT_EQ(0, testdev_unpin(self->dev, id[0]));
	EXPECT_EQ(16, lease_pinned_pages());
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	EXPECT_EQ(16, view.lease.pinned_pages);
	ASSERT_EQ(0, testdev_unpin(self->dev, id[2]));
	EXPECT_EQ(8, lease_pinned_pages());
	/* The middle is still held by the second one alone. */
	EXPECT_EQ(-1, ftruncate(self->fd, 11 * PAGE_SZ));
	EXPECT_EQ(EDEADLK, errno);
	EXPECT_EQ(0, ftruncate(self->fd, 12 * PAGE_SZ));
	ASSERT_EQ(0, testdev_unpin(self->dev, id[1]));
	EXPECT_EQ(0, lease_pinned_pages());
	EXPECT_EQ(0, ftruncate(self->fd, 0));
}

/* A long random walk against a model that counts page by page. */
TEST_F(dax, random_pins_against_a_model)
{
	unsigned int seed = 20261120, count[FILE_PAGES] = { 0 };
	struct {
		unsigned int first, nr;
		uint32_t id;
	} slot[SLOTS] = { 0 };
	uint64_t total = 0;

	TH_LOG("seed %u", seed);
	acquire_whole();
	for (int step = 0; step < STEPS; step++) {
		unsigned int s = rand_r(&seed) % SLOTS, page = rand_r(&seed) % FILE_PAGES;
		int sign = slot[s].nr ? -1 : 1;

		if (sign < 0) {
			ASSERT_EQ(0, testdev_unpin(self->dev, slot[s].id));
		} else {
			slot[s].first = page;
			slot[s].nr = 1 + rand_r(&seed) % (FILE_PAGES - page);
			ASSERT_EQ(0, pin_pages(page, slot[s].nr, rand_r(&seed) & 1,
					       &slot[s].id));
		}
		for (unsigned int i = 0; i < slot[s].nr; i++)
			count[slot[s].first + i] += sign;
		total += (int64_t)sign * slot[s].nr;
		if (sign < 0)
			slot[s].nr = 0;

		if (step % 8)
			continue;
		ASSERT_EQ(total, lease_pinned_pages());
		ASSERT_TRUE(foll_pins_become(self->foll_pins + (long long)total));
		/* The verdict for one page is what the model says of it. */
		page = rand_r(&seed) % FILE_PAGES;
		errno = 0;
		ASSERT_EQ(count[page] ? -1 : 0,
			  fallocate(self->fd, FALLOC_FL_ZERO_RANGE, page * PAGE_SZ, PAGE_SZ));
		ASSERT_EQ(count[page] ? EDEADLK : 0, errno);
	}
	for (int s = 0; s < SLOTS; s++) {
		if (slot[s].nr)
			ASSERT_EQ(0, testdev_unpin(self->dev, slot[s].id));
	}
	EXPECT_EQ(0, lease_pinned_pages());
	EXPECT_TRUE(foll_pins_become(self->foll_pins));
}

TEST_F(dax, several_processes)
{
	struct daxlease_stats stats;
	struct peer peer[PEERS];
	uint64_t pages = 0;

	for (int i = 0; i < PEERS; i++) {
		ASSERT_EQ(0, peer_start(&peer[i]));
		ASSERT_EQ(0, peer_open(&peer[i], self->path));
		ASSERT_EQ(0, peer_acquire(&peer[i], 0, 0));
		for (int nr = 1; nr < 5; nr++) {
			ASSERT_LE(0, peer_pin(&peer[i], i, nr, TESTDEV_PIN_WRITE));
			pages += nr;
		}
	}
	stats = stats_now(_metadata);
	EXPECT_EQ(PEERS, stats.leases);
	EXPECT_EQ(4 * PEERS, stats.pins);
	EXPECT_EQ(pages, stats.pinned_pages);
	EXPECT_TRUE(foll_pins_become(self->foll_pins + (long long)pages));
	for (int i = 0; i < PEERS; i++) {
		if (i & 1)
			peer_stop(&peer[i]);
		else
			peer_kill(&peer[i]);
		ASSERT_TRUE(wait_leases(PEERS - 1 - i, 4 * (PEERS - 1 - i)));
	}
	stats = stats_now(_metadata);
	EXPECT_EQ(0, stats.leases);
	EXPECT_EQ(0, stats.pinned_pages);
	EXPECT_TRUE(wait_foll_pins(self->foll_pins));
}

TEST_HARNESS_MAIN
