// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring on both sides of a breakable lease: registered buffers, which the
 * kernel cannot take back, are waited for; and a request that changes the
 * layout waits in a worker, where it can be cancelled.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "event.h"
#include "uring.h"

#include <stdlib.h>

#define FIRST		4
#define PAGES		2
#define SHORT_MS	100

static struct change punch_first(struct dax_test *self)
{
	return change_of(self->path, NULL, FIRST * PAGE_SZ, PAGE_SZ);
}

/* A breakable lease of the file, and a ring with a buffer in it. */
static void lease_and_register(struct __test_metadata *_metadata, struct dax_test *self,
			       struct io_uring *ring, uint32_t ms)
{
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, ms));
	ASSERT_EQ(0, uring_open(ring));
	ASSERT_EQ(0, uring_reg(ring, page_of(self->map, FIRST), PAGES * PAGE_SZ));
}

#define register_or_skip(ring, ms) do {						\
	if (uring_missing())							\
		SKIP(return, "io_uring: %s", uring_missing());			\
	lease_and_register(_metadata, self, ring, ms);				\
} while (0)

static void expect_event(struct __test_metadata *_metadata, struct dax_test *self,
			 uint32_t type, uint32_t outcome)
{
	struct daxlease_event event;

	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(type, event.type);
	EXPECT_EQ(DAXLEASE_REASON_PUNCH_HOLE, event.reason);
	EXPECT_EQ(outcome, event.outcome);
}

/* What the buffer is for: into the file, and out of it. */
static void use_buffer(struct __test_metadata *_metadata, struct dax_test *self,
		       struct io_uring *ring, unsigned int seed)
{
	const size_t len = PAGES * PAGE_SZ;
	char path[PATH_LEN], *buf;
	int fd;

	other_path(path, seed % 2 ? "odd" : "even");
	fd = file_create(path, FILE_SIZE, seed);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, uring_read(ring, (struct uring_io){ fd, FIRST * PAGE_SZ,
							 page_of(self->map, FIRST), len, 0 }));
	EXPECT_EQ(1, file_matches(self->fd, FIRST * PAGE_SZ, len, seed));
	ASSERT_EQ(0, ftruncate(fd, 0));
	ASSERT_EQ(0, uring_write(ring, (struct uring_io){ fd, 0, page_of(self->map, FIRST),
							  len, 0 }));
	buf = malloc(len);
	ASSERT_NE(NULL, buf);
	EXPECT_EQ((ssize_t)len, pread(fd, buf, len, 0));
	EXPECT_TRUE(pattern_match(buf, len, FIRST * PAGE_SZ, seed));
	free(buf);
	close(fd);
}

TEST_F(dax, a_buffer_outlives_the_break_time)
{
	struct change c = punch_first(self);
	struct snapshot before, after;
	struct io_uring ring;

	register_or_skip(&ring, SHORT_MS);
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, snapshot_take(self->path, &before));
	EXPECT_EQ(-ETXTBSY, in_child(change_punch, &c, sizeof(c)));
	expect_event(_metadata, self, DAXLEASE_EVENT_BREAK, 0);
	expect_event(_metadata, self, DAXLEASE_EVENT_RESUMED, ETXTBSY);
	ASSERT_EQ(0, snapshot_take(self->path, &after));
	EXPECT_TRUE(snapshot_same(&before, &after));
	EXPECT_EQ(PAGES, lease_pinned_pages());
	use_buffer(_metadata, self, &ring, 31);
	/* Pins are admitted again. */
	EXPECT_EQ(0, uring_update(&ring, 0, self->map, PAGE_SZ));
	EXPECT_EQ(0, in_child(change_punch, &c, sizeof(c)));
	io_uring_queue_exit(&ring);
}

TEST_F(dax, a_buffer_is_unregistered_when_asked_for)
{
	struct change c = punch_first(self);
	struct io_uring ring;
	struct peer peer;

	ASSERT_EQ(0, peer_start(&peer));
	register_or_skip(&ring, BREAK_NEVER_MS);
	ASSERT_EQ(0, peer_post(&peer, change_punch, &c, sizeof(c)));
	expect_event(_metadata, self, DAXLEASE_EVENT_BREAK, 0);
	EXPECT_EQ(-EAGAIN, uring_update(&ring, 0, page_of(self->map, FIRST), PAGE_SZ));
	use_buffer(_metadata, self, &ring, 32);
	EXPECT_FALSE(peer_has_result(&peer));
	ASSERT_EQ(0, io_uring_unregister_buffers(&ring));
	EXPECT_EQ(0, peer_result(&peer, NULL, 0));
	EXPECT_EQ(1, file_is_zero(self->fd, FIRST * PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(0, uring_reg(&ring, page_of(self->map, FIRST), PAGE_SZ));
	io_uring_queue_exit(&ring);
	peer_stop(&peer);
}

/* The other side; its ring, and what it has asked for. */
#define CHANGE		1
#define CANCEL		2

static struct io_uring asker;

static int submit(struct io_uring_sqe *sqe, uint64_t what)
{
	int ret;

	io_uring_sqe_set_data64(sqe, what);
	ret = io_uring_submit(&asker);
	return ret == 1 ? 0 : ret ? ret : -EIO;
}

static long ask_for_punch(void *arg)
{
	struct change *c = arg;
	struct io_uring_sqe *sqe;
	int fd, ret;

	fd = open(c->path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = uring_open(&asker);
	if (ret)
		return ret;
	sqe = io_uring_get_sqe(&asker);
	io_uring_prep_fallocate(sqe, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, c->off,
				c->len);
	return submit(sqe, CHANGE);
}

static long what_came_of_it(void *unused)
{
	struct io_uring_cqe *cqe;
	long ret;

	(void)unused;
	do {
		do {
			ret = io_uring_wait_cqe(&asker, &cqe);
		} while (ret == -EINTR);
		if (ret)
			return ret;
		ret = cqe->user_data == CHANGE ? cqe->res : 1;
		io_uring_cqe_seen(&asker, cqe);
	} while (ret == 1);
	return ret;
}

static long cancel_it(void *unused)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&asker);

	(void)unused;
	io_uring_prep_cancel64(sqe, CHANGE, 0);
	return submit(sqe, CANCEL);
}

/* Somebody asks for a change by io_uring, and it waits. */
static void ask(struct __test_metadata *_metadata, struct dax_test *self, struct peer *peer)
{
	struct change c = punch_first(self);

	ASSERT_EQ(0, peer_call(peer, ask_for_punch, &c, sizeof(c)));
	expect_event(_metadata, self, DAXLEASE_EVENT_BREAK, 0);
}

/* No mark is left, and nothing has been changed. */
static void expect_nothing_left(struct __test_metadata *_metadata, struct dax_test *self,
				struct io_uring *ring, const struct snapshot *before)
{
	struct change c = punch_first(self);
	struct snapshot after;
	int lease;

	expect_event(_metadata, self, DAXLEASE_EVENT_RESUMED, EINTR);
	ASSERT_EQ(0, snapshot_take(self->path, &after));
	EXPECT_TRUE(snapshot_same(before, &after));
	EXPECT_EQ(PAGES, lease_pinned_pages());
	lease = lease_take(self->fd);
	ASSERT_LE(0, lease);
	ASSERT_EQ(0, close(lease));
	EXPECT_EQ(0, uring_update(ring, 0, page_of(self->map, FIRST), PAGE_SZ));
	ASSERT_EQ(0, io_uring_unregister_buffers(ring));
	EXPECT_EQ(0, in_child(change_punch, &c, sizeof(c)));
	io_uring_queue_exit(ring);
}

TEST_F(dax, a_request_waits)
{
	struct io_uring ring;
	struct peer peer;

	ASSERT_EQ(0, peer_start(&peer));
	register_or_skip(&ring, BREAK_NEVER_MS);
	ask(_metadata, self, &peer);
	ASSERT_EQ(0, io_uring_unregister_buffers(&ring));
	EXPECT_EQ(0, peer_call(&peer, what_came_of_it, NULL, 0));
	EXPECT_EQ(1, file_is_zero(self->fd, FIRST * PAGE_SZ, PAGE_SZ));
	io_uring_queue_exit(&ring);
	peer_stop(&peer);
}

/* A request waits for what is registered, and nothing of it must be left then. */
#define asked_or_skip(ring, before, peer) do {				\
	ASSERT_EQ(0, peer_start(peer));					\
	register_or_skip(ring, BREAK_NEVER_MS);				\
	ASSERT_EQ(0, fsync(self->fd));					\
	ASSERT_EQ(0, snapshot_take(self->path, before));		\
	ask(_metadata, self, peer);					\
} while (0)

TEST_F(dax, a_request_that_waits_is_cancelled)
{
	struct snapshot before;
	struct io_uring ring;
	struct peer peer;

	asked_or_skip(&ring, &before, &peer);
	ASSERT_EQ(0, peer_call(&peer, cancel_it, NULL, 0));
	EXPECT_EQ(-EINTR, peer_call(&peer, what_came_of_it, NULL, 0));
	expect_nothing_left(_metadata, self, &ring, &before);
	peer_stop(&peer);
}

TEST_F(dax, its_process_is_killed)
{
	struct snapshot before;
	struct io_uring ring;
	struct peer peer;

	asked_or_skip(&ring, &before, &peer);
	peer_kill(&peer);
	expect_nothing_left(_metadata, self, &ring, &before);
}

TEST_HARNESS_MAIN
