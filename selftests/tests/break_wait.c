// SPDX-License-Identifier: GPL-2.0
/*
 * Each layout change of a range that is pinned under a breakable lease of
 * somebody else: the holder is asked to let go, the change waits, and goes on
 * when the pins are gone.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "event.h"

#define PINNED		4

static struct change change_at(struct dax_test *self, const char *path)
{
	char other[PATH_LEN];

	other_path(other, "other");
	return change_of(path, other, PINNED * PAGE_SZ, PAGE_SZ);
}

/* Whether the filesystem has the change, tried on a twin of the file. */
static bool setup(struct __test_metadata *_metadata, struct dax_test *self, peer_fn fn)
{
	char twin[PATH_LEN];
	struct change c = change_at(self, self->path);
	long ret;
	int fd;

	other_path(twin, "twin");
	fd = file_create(twin, FILE_SIZE, FILE_SEED);
	ASSERT_LE(0, fd);
	close(fd);
	fd = file_create(c.other, FILE_SIZE, FILE_SEED);
	ASSERT_LE(0, fd);
	close(fd);
	c = change_at(self, twin);
	ret = fn(&c);
	if (change_missing(ret))
		return false;
	ASSERT_EQ(0, ret);
	/* Some changes compare what the try has changed in the other one. */
	ASSERT_EQ(0, unlink(c.other));
	fd = file_create(c.other, FILE_SIZE, FILE_SEED);
	ASSERT_LE(0, fd);
	close(fd);
	return true;
}

/* What anybody may do with the file while somebody waits to change it. */
static long use_file(void *arg)
{
	struct change *c = arg;
	char page[PAGE_SZ];
	long ret = 0;
	int fd = open(c->path, O_RDWR);

	if (fd < 0)
		return -errno;
	if (pread(fd, page, PAGE_SZ, c->off) != PAGE_SZ ||
	    pwrite(fd, page, PAGE_SZ, c->off) != PAGE_SZ || fsync(fd))
		ret = -errno;
	close(fd);
	return ret;
}

struct op {
	peer_fn fn;
	uint32_t reason;
	/* The range that is told, in pages; 0: to infinity. */
	unsigned long first;
	unsigned long end;
	/* It asks for a file that has not been touched since: do not, or see it say so. */
	bool untouched;
	long result;
};

static void waits(struct __test_metadata *_metadata, struct dax_test *self, struct op op)
{
	struct change c = change_at(self, self->path);
	struct daxlease_event event;
	struct peer breaker;
	struct stat before, after;
	uint64_t break_id;
	uint32_t id, more;

	if (!setup(_metadata, self, op.fn))
		SKIP(return, "not on this filesystem");
	ASSERT_EQ(0, peer_start(&breaker));
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, BREAK_NEVER_MS));
	ASSERT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_FALSE(event_pending(self->lease));
	ASSERT_EQ(0, fstat(self->fd, &before));

	ASSERT_EQ(0, peer_post(&breaker, op.fn, &c, sizeof(c)));
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_BREAK, event.type);
	EXPECT_EQ(op.reason, event.reason);
	EXPECT_EQ(op.first * PAGE_SZ, event.start);
	EXPECT_EQ(op.end ? op.end * PAGE_SZ : DAXLEASE_TO_INFINITY, event.end);
	EXPECT_EQ(event.time_ns / 1000000 + BREAK_NEVER_MS, event.deadline_ns / 1000000);
	break_id = event.break_id;
	EXPECT_NE(0, break_id);

	/* Pins are shut out, nothing else is. */
	if (!op.untouched) {
		EXPECT_EQ(-EAGAIN, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &more));
		EXPECT_EQ(0, in_child(use_file, &c, sizeof(c)));
	}
	EXPECT_FALSE(peer_has_result(&breaker));
	ASSERT_EQ(0, fstat(self->fd, &after));
	EXPECT_EQ(before.st_size, after.st_size);
	EXPECT_EQ(before.st_blocks, after.st_blocks);
	/* The device still may. */
	EXPECT_EQ(0, testdev_write(self->dev, id, 0, "w", 1));
	EXPECT_EQ('w', *page_of(self->map, PINNED));
	if (!op.untouched)
		pattern_fill(page_of(self->map, PINNED), PAGE_SZ, PINNED * PAGE_SZ, FILE_SEED);

	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(op.result, peer_result(&breaker, NULL, 0));
	ASSERT_EQ(0, event_wait(self->lease, DAXLEASE_EVENT_RESUMED, &event));
	EXPECT_EQ(break_id, event.break_id);
	EXPECT_EQ(0, event.outcome);
	EXPECT_EQ(op.reason, event.reason);
	EXPECT_FALSE(event_pending(self->lease));
	peer_stop(&breaker);
}

#define WAITS(name, fn, reason, first, end)				\
	TEST_F(dax, name)						\
	{								\
		waits(_metadata, self, (struct op){			\
			fn, DAXLEASE_REASON_##reason, first, end,	\
			false, 0 });					\
	}

#define WAITS_FRESH(name, fn, first, end)				\
	TEST_F(dax, name)						\
	{								\
		waits(_metadata, self, (struct op){			\
			fn, DAXLEASE_REASON_EXCHANGE, first, end,	\
			true, 0 });					\
	}								\
	TEST_F(dax, name##_used_meanwhile)				\
	{								\
		waits(_metadata, self, (struct op){			\
			fn, DAXLEASE_REASON_EXCHANGE, first, end,	\
			false, -EBUSY });				\
	}

WAITS(truncate, change_truncate, TRUNCATE, PINNED, 0)
WAITS(ftruncate, change_ftruncate, TRUNCATE, PINNED, 0)
WAITS(open_with_trunc, change_open_trunc, TRUNCATE, 0, 0)
WAITS(punch_hole, change_punch, PUNCH_HOLE, PINNED, PINNED + 1)
WAITS(zero_range, change_zero, ZERO_RANGE, PINNED, PINNED + 1)
WAITS(collapse_range, change_collapse, COLLAPSE_RANGE, PINNED, 0)
WAITS(insert_range, change_insert, INSERT_RANGE, PINNED, 0)
WAITS(punch_by_madvise, change_madv_remove, PUNCH_HOLE, PINNED, PINNED + 1)
WAITS(zero_range_by_ioctl, change_zero_ioctl, ZERO_RANGE, PINNED, PINNED + 1)
WAITS(unshare_range, change_unshare, UNSHARE_RANGE, PINNED, PINNED + 1)
WAITS(reflink_source, change_reflink_from, REMAP, PINNED, PINNED + 1)
WAITS(reflink_destination, change_reflink_to, REMAP, PINNED, PINNED + 1)
WAITS(dedupe_source, change_dedupe_from, REMAP, PINNED, PINNED + 1)
WAITS(dedupe_destination, change_dedupe_to, REMAP, PINNED, PINNED + 1)
WAITS(exchange_range_file1, change_exchange_1, EXCHANGE, PINNED, PINNED + 1)
WAITS(exchange_range_file2, change_exchange_2, EXCHANGE, PINNED, PINNED + 1)
WAITS(commit_range_file1, change_commit_1, EXCHANGE, PINNED, PINNED + 1)
WAITS_FRESH(commit_range_file2, change_commit_2, PINNED, PINNED + 1)
WAITS_FRESH(swapext_target, change_swapext, 0, 0)
WAITS(swapext_temporary, change_swapext_tmp, EXCHANGE, 0, 0)
WAITS(online_repair, change_repair, WHOLE_FILE, 0, 0)

/* These cannot let go of the inode's lock, so they do not wait. */
static void does_not_wait(struct __test_metadata *_metadata, struct dax_test *self, peer_fn fn)
{
	struct change c = change_at(self, self->path);
	uint32_t id;

	if (!setup(_metadata, self, fn))
		SKIP(return, "not on this filesystem");
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, BREAK_NEVER_MS));
	ASSERT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &id));
	EXPECT_EQ(-EAGAIN, in_child(fn, &c, sizeof(c)));
	EXPECT_FALSE(event_pending(self->lease));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, in_child(fn, &c, sizeof(c)));
}

TEST_F(dax, dax_flag_does_not_wait)
{
	does_not_wait(_metadata, self, change_dax_flag);
}

TEST_F(dax, boot_loader_swap_does_not_wait)
{
	does_not_wait(_metadata, self, change_swap_boot);
}

TEST_F(dax, not_pinned_is_not_asked)
{
	struct change c = change_of(self->path, NULL, 9 * PAGE_SZ, PAGE_SZ);
	uint32_t id;

	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, BREAK_NEVER_MS));
	ASSERT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &id));
	EXPECT_EQ(0, in_child(change_punch, &c, sizeof(c)));
	EXPECT_FALSE(event_pending(self->lease));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
}

TEST_HARNESS_MAIN
