// SPDX-License-Identifier: GPL-2.0
/*
 * Pins against layout changes, as fast as they can.  What a device wrote while
 * it had the page pinned must be in the file at that moment, else the page was
 * taken away under it; and no layout change may succeed while a pin lives.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"

#include <time.h>

#define SECONDS	3

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Punches, truncates and extends until it is killed. */
static long change_forever(void *arg)
{
	struct change *c = arg;
	unsigned int seed = 7;
	long ret;

	for (;;) {
		c->off = (rand_r(&seed) % FILE_PAGES) * PAGE_SZ;
		c->len = PAGE_SZ;
		switch (rand_r(&seed) % 4) {
		case 0:
			ret = change_truncate(c);
			break;
		case 1:
			ret = change_zero(c);
			break;
		default:
			ret = change_punch(c);
			break;
		}
		if (ret && ret != -ETXTBSY)
			return ret;
		/* Room for the others to pin. */
		if (truncate(c->path, FILE_SIZE) && errno != ETXTBSY)
			return -errno;
	}
}

/* One page, pinned under a lease that lives as long, or refused. */
static int pin_and_check(struct dax_test *self, unsigned int round, unsigned int *pinned)
{
	unsigned int page = round % FILE_PAGES;
	char buf[PAGE_SZ], seen[PAGE_SZ];
	uint32_t id;
	int ret;

	ret = lease_acquire(self->lease, self->fd, 0, 0, NULL);
	if (ret)
		return ret == -EAGAIN ? 0 : ret;
	ret = pin_pages(page, 1, TESTDEV_PIN_WRITE, &id);
	if (!ret) {
		memset(buf, 1 + round % 100, PAGE_SZ);
		ret = testdev_write(self->dev, id, 0, buf, PAGE_SZ);
		if (!ret && (pread(self->fd, seen, PAGE_SZ, page * PAGE_SZ) != PAGE_SZ ||
			     memcmp(buf, seen, PAGE_SZ)))
			ret = -EBADMSG;
		(*pinned)++;
		testdev_unpin(self->dev, id);
	} else if (ret == -EAGAIN || ret == -EFAULT) {
		/* Changing at this moment, or truncated away before the lease. */
		ret = 0;
	}
	return ret ?: lease_release(self->lease);
}

TEST_F(dax, pins_against_changes)
{
	struct change c = change_of(self->path, NULL, 0, 0);
	unsigned int round, pinned = 0;
	struct daxlease_stats stats;
	double end = now() + SECONDS;
	struct peer peer;
	int ret = 0;

	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_post(&peer, change_forever, &c, sizeof(c)));
	for (round = 0; now() < end && !ret; round++)
		ret = pin_and_check(self, round, &pinned);
	EXPECT_EQ(0, ret);
	EXPECT_FALSE(peer_has_result(&peer));
	peer_kill(&peer);
	ASSERT_EQ(0, lease_stats(&stats));
	TH_LOG("%u rounds, %u pins; %llu changes met a lease, %llu refused", round, pinned,
	       stats.breaks, stats.breaks_refused);
	EXPECT_LT(0, pinned);
}

/* The holder's own changes against another holder's pins of one lease. */
TEST_F(dax, pins_against_changes_by_a_holder)
{
	struct change c = change_of(self->path, NULL, 5 * PAGE_SZ, PAGE_SZ);
	char buf[PAGE_SZ], seen[PAGE_SZ];
	unsigned int round, changed = 0, pinned = 0;
	double end = now() + SECONDS;
	struct peer peer;
	int fd, ret = 0;
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_open(&peer, self->path));
	fd = peer_give_fd(&peer, self->lease);
	ASSERT_EQ(0, peer_call(&peer, actor_use_lease, &fd, sizeof(fd)));
	ASSERT_EQ(0, peer_call(&peer, actor_attach, NULL, 0));
	for (round = 0; now() < end && !ret; round++) {
		ASSERT_EQ(0, peer_post(&peer, change_punch, &c, sizeof(c)));
		ret = pin_pages(5, 1, TESTDEV_PIN_WRITE, &id);
		if (!ret) {
			memset(buf, 1 + round % 100, PAGE_SZ);
			ASSERT_EQ(0, testdev_write(self->dev, id, 0, buf, PAGE_SZ));
			ASSERT_EQ((ssize_t)PAGE_SZ, pread(self->fd, seen, PAGE_SZ, 5 * PAGE_SZ));
			EXPECT_EQ(0, memcmp(buf, seen, PAGE_SZ));
			ASSERT_EQ(0, testdev_unpin(self->dev, id));
			pinned++;
		} else if (ret == -EAGAIN) {
			ret = 0;
		}
		switch (peer_result(&peer, NULL, 0)) {
		case 0:
			changed++;
			break;
		case -EDEADLK:
			break;
		default:
			ret = -EIO;
		}
	}
	EXPECT_EQ(0, ret);
	TH_LOG("%u rounds, %u pins, %u changes", round, pinned, changed);
	EXPECT_LT(0, pinned);
	peer_stop(&peer);
}

TEST_HARNESS_MAIN
