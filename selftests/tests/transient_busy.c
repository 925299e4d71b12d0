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

/* A pipe that holds one page of a file. */
static void hold_in(struct __test_metadata *_metadata, char *map, int pipes[2])
{
	struct iovec iov = { page_of(map, BUSY), PAGE_SZ };

	/* Mapped, so that there is a page to take. */
	page_of(map, BUSY)[0]++;
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ((ssize_t)PAGE_SZ, vmsplice(pipes[1], &iov, 1, 0));
}

static void hold(struct __test_metadata *_metadata, struct dax_test *self, int pipes[2])
{
	hold_in(_metadata, self->map, pipes);
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

/*
 * Two files, and a page of one of them is busy.  They are locked in the order of
 * their inode numbers, so the wait for the second one is another than for the first.
 */
struct pair {
	char path[2][PATH_LEN];
	int fd[2];
	char *map[2];
	/* What the pipe holds a page of, and the other one. */
	int busy;
	int pipes[2];
	struct change change;
	struct peer peer;
};

/* Somebody changes both files, and sleeps for the page of the second or of the first one. */
static void pair_waits(struct __test_metadata *_metadata, struct dax_test *self, struct pair *p,
		       peer_fn fn, bool second)
{
	struct stat st[2];

	for (int i = 0; i < 2; i++) {
		other_path(p->path[i], i ? "b" : "a");
		p->fd[i] = file_create(p->path[i], FILE_SIZE, FILE_SEED + i);
		ASSERT_LE(0, p->fd[i]);
		p->map[i] = file_map(p->fd[i], FILE_SIZE, PROT_READ | PROT_WRITE);
		ASSERT_NE(NULL, p->map[i]);
		ASSERT_EQ(0, fstat(p->fd[i], &st[i]));
	}
	p->busy = (st[1].st_ino > st[0].st_ino) == second;
	ASSERT_EQ(0, peer_start(&p->peer));
	ASSERT_EQ(0, peer_call(&p->peer, actor_catch_sigusr1, NULL, 0));
	hold_in(_metadata, p->map[p->busy], p->pipes);
	p->change = change_of(p->path[0], p->path[1], BUSY * PAGE_SZ, PAGE_SZ);
	ASSERT_EQ(0, peer_post(&p->peer, fn, &p->change, sizeof(p->change)));
	ASSERT_TRUE(wait_blocked_in(p->peer.pid, SYS_ioctl));
	EXPECT_FALSE(peer_has_result(&p->peer));
}

#define pair_or_skip(p, fn, second) do {					\
	if (!variant->fs->reflink)						\
		SKIP(return, "no change of two files");				\
	pair_waits(_metadata, self, p, fn, second);				\
} while (0)

/* Neither file is locked any more, and the change can be made. */
static void pair_is_free(struct __test_metadata *_metadata, struct pair *p, peer_fn fn)
{
	char byte = 1;

	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(1, pwrite(p->fd[i], &byte, 1, 0));
		page_of(p->map[i], BUSY)[1]++;
	}
	let_go(p->pipes);
	EXPECT_EQ(0, in_child(fn, &p->change, sizeof(p->change)));
}

static void pair_goes_on(struct __test_metadata *_metadata, struct dax_test *self, peer_fn fn,
			 bool second)
{
	struct change beside;
	struct pair p;

	pair_waits(_metadata, self, &p, fn, second);
	let_go(p.pipes);
	EXPECT_EQ(0, peer_result(&p.peer, NULL, 0));
	/* A page that is busy elsewhere is in nobody's way. */
	hold_in(_metadata, p.map[p.busy], p.pipes);
	beside = change_of(p.path[0], p.path[1], (BUSY + 1) * PAGE_SZ, PAGE_SZ);
	EXPECT_EQ(0, in_child(fn, &beside, sizeof(beside)));
	let_go(p.pipes);
	peer_stop(&p.peer);
}

#define PAIR_WAITS(name, fn, second)						\
	TEST_F(dax, name)							\
	{									\
		if (!variant->fs->reflink)					\
			SKIP(return, "no change of two files");			\
		pair_goes_on(_metadata, self, fn, second);			\
	}

PAIR_WAITS(reflink_waits_for_the_first_file, change_reflink_to, false)
PAIR_WAITS(reflink_waits_for_the_second_file, change_reflink_to, true)
PAIR_WAITS(exchange_waits_for_the_first_file, change_exchange_1, false)
PAIR_WAITS(exchange_waits_for_the_second_file, change_exchange_1, true)

TEST_F(dax, kill_ends_the_wait_for_the_second_file)
{
	struct pair p;

	pair_or_skip(&p, change_exchange_1, true);
	peer_kill(&p.peer);
	pair_is_free(_metadata, &p, change_exchange_1);
}

TEST_F(dax, a_signal_ends_the_wait_for_the_second_file)
{
	struct pair p;

	pair_or_skip(&p, change_reflink_to, true);
	ASSERT_EQ(0, kill(p.peer.pid, SIGUSR1));
	EXPECT_EQ(-EINTR, peer_result(&p.peer, NULL, 0));
	pair_is_free(_metadata, &p, change_reflink_to);
	peer_stop(&p.peer);
}

TEST_HARNESS_MAIN
