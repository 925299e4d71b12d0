// SPDX-License-Identifier: GPL-2.0
/*
 * Several leases, of one and of many processes, on overlapping ranges: an
 * exclusive lease shuts out layout changes, not leases.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"

#define PEERS	4

static long punch(struct dax_test *self, unsigned long page, unsigned long pages)
{
	struct change c = change_of(self->path, NULL, page * PAGE_SZ, pages * PAGE_SZ);

	return in_child(change_punch, &c, sizeof(c));
}

TEST_F(dax, of_one_process)
{
	uint32_t id;
	int second;

	second = lease_open();
	ASSERT_LE(0, second);
	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 0, 8 * PAGE_SZ, NULL));
	ASSERT_EQ(0, lease_acquire(second, self->fd, 4 * PAGE_SZ, 8 * PAGE_SZ, NULL));
	EXPECT_EQ(-ETXTBSY, punch(self, 0, 1));
	EXPECT_EQ(-ETXTBSY, punch(self, 11, 1));
	EXPECT_EQ(0, punch(self, 12, 4));

	/* Where one alone covers the range. */
	ASSERT_EQ(0, pin_pages(5, 2, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));

	ASSERT_EQ(0, lease_release(self->lease));
	EXPECT_EQ(0, punch(self, 0, 4));
	EXPECT_EQ(-ETXTBSY, punch(self, 4, 1));
	ASSERT_EQ(0, lease_release(second));
	EXPECT_EQ(0, punch(self, 4, 1));
}

TEST_F(dax, of_many_processes)
{
	struct peer peer[PEERS];
	struct daxlease_stats stats;
	long id[PEERS];
	int i;

	for (i = 0; i < PEERS; i++) {
		ASSERT_EQ(0, peer_start(&peer[i]));
		ASSERT_EQ(0, peer_open(&peer[i], self->path));
		ASSERT_EQ(0, peer_acquire(&peer[i], 0, 0));
		id[i] = peer_pin(&peer[i], 2, 4, TESTDEV_PIN_WRITE);
		ASSERT_LE(0, id[i]);
	}
	ASSERT_EQ(0, lease_stats(&stats));
	EXPECT_EQ(PEERS, stats.leases);
	EXPECT_EQ(PEERS, stats.pins);
	EXPECT_EQ(4 * PEERS, stats.pinned_pages);

	/* The page is protected until the last of them lets it go. */
	for (i = 0; i < PEERS; i++) {
		EXPECT_EQ(-ETXTBSY, punch(self, 3, 1));
		EXPECT_EQ(0, peer_unpin(&peer[i], id[i]));
		EXPECT_EQ(0, peer_call(&peer[i], actor_release, NULL, 0));
	}
	EXPECT_EQ(0, punch(self, 3, 1));
	for (i = 0; i < PEERS; i++)
		peer_stop(&peer[i]);
}

/* The verdict of the lease of others counts before that of one's own. */
TEST_F(dax, strictest_decides)
{
	struct change c = change_of(self->path, NULL, 4 * PAGE_SZ, PAGE_SZ);
	struct peer peer;
	uint32_t id;

	acquire_whole();
	EXPECT_EQ(0, change_punch(&c));
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_open(&peer, self->path));
	ASSERT_EQ(0, peer_acquire(&peer, 4 * PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(-ETXTBSY, change_punch(&c));
	ASSERT_EQ(0, pin_pages(4, 1, TESTDEV_PIN_WRITE, &id));
	EXPECT_EQ(-ETXTBSY, change_punch(&c));
	EXPECT_EQ(0, peer_call(&peer, actor_release, NULL, 0));
	EXPECT_EQ(-EDEADLK, change_punch(&c));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, change_punch(&c));
	peer_stop(&peer);
}

/* Beside each other they do not make a holder of one a holder of the other. */
TEST_F(dax, holder_of_another_range)
{
	struct peer peer;

	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 0, 4 * PAGE_SZ, NULL));
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_open(&peer, self->path));
	ASSERT_EQ(0, peer_acquire(&peer, 4 * PAGE_SZ, 4 * PAGE_SZ));
	EXPECT_EQ(-EOPNOTSUPP, peer_pin(&peer, 3, 1, TESTDEV_PIN_WRITE));
	EXPECT_EQ(-EOPNOTSUPP, peer_pin(&peer, 3, 2, TESTDEV_PIN_WRITE));
	EXPECT_LE(0, peer_pin(&peer, 4, 4, TESTDEV_PIN_WRITE));
	peer_stop(&peer);
}

/* Thousands of overlapping runs, by pins of all lengths. */
TEST_F(dax, many_pins_of_one_lease)
{
	uint32_t id[FILE_PAGES][FILE_PAGES];
	uint64_t pages = 0;
	int first, nr;

	acquire_whole();
	for (first = 0; first < FILE_PAGES; first++) {
		for (nr = 1; nr <= FILE_PAGES - first; nr++) {
			ASSERT_EQ(0, pin_pages(first, nr, nr & 1 ? TESTDEV_PIN_WRITE : 0,
					       &id[first][nr - 1]));
			pages += nr;
		}
	}
	EXPECT_EQ(pages, lease_pinned_pages());
	for (first = FILE_PAGES - 1; first >= 0; first--) {
		for (nr = 1; nr <= FILE_PAGES - first; nr++) {
			ASSERT_EQ(0, testdev_unpin(self->dev, id[first][nr - 1]));
			pages -= nr;
		}
		EXPECT_EQ(pages, lease_pinned_pages());
	}
	EXPECT_EQ(0, ftruncate(self->fd, 0));
}

TEST_HARNESS_MAIN
