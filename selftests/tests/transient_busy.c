// SPDX-License-Identifier: GPL-2.0
/*
 * Pages with references that no account explains, here in a pipe: a layout
 * change waits for them as ever, but only for those in its range.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define BUSY	4

/* A pipe that holds one page of the file. */
static void hold(struct __test_metadata *_metadata, struct dax_test *self, int pipes[2])
{
	struct iovec iov = { page_of(self->map, BUSY), PAGE_SZ };

	/* Mapped, so that there is a page to take. */
	page_of(self->map, BUSY)[0]++;
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ((ssize_t)PAGE_SZ, vmsplice(pipes[1], &iov, 1, 0));
}

static void let_go(int pipes[2])
{
	close(pipes[0]);
	close(pipes[1]);
}

static long other(struct dax_test *self, peer_fn fn, unsigned long page, unsigned long pages)
{
	struct change c = change_of(self->path, NULL, page * PAGE_SZ, pages * PAGE_SZ);

	return in_child(fn, &c, sizeof(c));
}

TEST_F(dax, other_ranges_do_not_wait)
{
	int pipes[2];

	hold(_metadata, self, pipes);
	EXPECT_EQ(0, other(self, change_punch, BUSY + 1, 1));
	EXPECT_EQ(0, other(self, change_punch, 0, BUSY));
	EXPECT_EQ(0, other(self, change_allocate, 0, FILE_PAGES + 4));
	EXPECT_EQ(0, other(self, change_collapse, BUSY + 1, 1));
	EXPECT_EQ(0, other(self, change_truncate, BUSY + 1, 0));
	EXPECT_EQ(0, other(self, change_truncate, 2 * FILE_PAGES, 0));
	let_go(pipes);
}

static void waits(struct __test_metadata *_metadata, struct dax_test *self, peer_fn fn,
		  long syscall_nr)
{
	struct change c = change_of(self->path, NULL, BUSY * PAGE_SZ, PAGE_SZ);
	struct peer peer;
	int pipes[2];

	hold(_metadata, self, pipes);
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_post(&peer, fn, &c, sizeof(c)));
	ASSERT_TRUE(wait_blocked_in(peer.pid, syscall_nr));
	EXPECT_FALSE(peer_has_result(&peer));
	let_go(pipes);
	EXPECT_EQ(0, peer_result(&peer, NULL, 0));
	peer_stop(&peer);
}

TEST_F(dax, truncate_waits)
{
	waits(_metadata, self, change_truncate, SYS_truncate);
}

TEST_F(dax, punch_waits)
{
	waits(_metadata, self, change_punch, SYS_fallocate);
}

TEST_F(dax, kill_ends_the_wait)
{
	struct change c = change_of(self->path, NULL, BUSY * PAGE_SZ, PAGE_SZ);
	struct peer peer;
	int pipes[2];

	hold(_metadata, self, pipes);
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_post(&peer, change_punch, &c, sizeof(c)));
	ASSERT_TRUE(wait_blocked_in(peer.pid, SYS_fallocate));
	peer_kill(&peer);
	let_go(pipes);
	EXPECT_EQ(0, other(self, change_punch, BUSY, 1));
}

/* The holder's change of a part that is not pinned but busy. */
TEST_F(dax, beside_a_lease)
{
	struct change c = change_of(self->path, NULL, BUSY * PAGE_SZ, PAGE_SZ);
	struct peer peer;
	int pipes[2];
	long id;

	hold(_metadata, self, pipes);
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_open(&peer, self->path));
	ASSERT_EQ(0, peer_acquire(&peer, 0, 0));
	id = peer_pin(&peer, BUSY + 1, 1, TESTDEV_PIN_WRITE);
	ASSERT_LE(0, id);
	/* Refused at once, busy or not. */
	EXPECT_EQ(-ETXTBSY, other(self, change_punch, BUSY, 1));
	ASSERT_EQ(0, peer_post(&peer, change_punch, &c, sizeof(c)));
	ASSERT_TRUE(wait_blocked_in(peer.pid, SYS_fallocate));
	let_go(pipes);
	EXPECT_EQ(0, peer_result(&peer, NULL, 0));
	peer_stop(&peer);
}

TEST_HARNESS_MAIN
