// SPDX-License-Identifier: GPL-2.0
/*
 * Every way to have a file written back flushes what a device has pinned for
 * writing, each time anew, by whomever it is called, and waits for no pin.  What is
 * pinned for reading costs nothing.
 */
#include "dax_fixture.h"
#include "flush.h"
#include "huge_file.h"
#include "peer.h"

#include <pthread.h>

#define PINNED_PAGE	4
#define PINNED_PAGES	3

typedef int (*sync_fn)(struct dax_test *self);

static int by_fsync(struct dax_test *self)
{
	return fsync(self->fd);
}

static int by_fdatasync(struct dax_test *self)
{
	return fdatasync(self->fd);
}

static int by_msync(struct dax_test *self)
{
	return msync(self->map, FILE_SIZE, MS_SYNC);
}

/* The pinned part alone. */
static int by_msync_of_a_part(struct dax_test *self)
{
	return msync(page_of(self->map, PINNED_PAGE), PINNED_PAGES * PAGE_SZ, MS_SYNC);
}

static int by_syncfs(struct dax_test *self)
{
	return syncfs(self->fd);
}

static int by_sync(struct dax_test *self)
{
	(void)self;
	sync();
	return 0;
}

/* A write of the pinned part through a descriptor that is synchronous. */
static int by_write(struct dax_test *self, int flags)
{
	static char buf[PINNED_PAGES * PAGE_SZ];
	int fd, ret;

	fd = open(self->path, O_RDWR | flags);
	if (fd < 0)
		return -1;
	ret = pwrite(fd, buf, sizeof(buf), PINNED_PAGE * PAGE_SZ) == sizeof(buf) ? 0 : -1;
	close(fd);
	return ret;
}

static int by_o_sync(struct dax_test *self)
{
	return by_write(self, O_SYNC);
}

static int by_o_dsync(struct dax_test *self)
{
	return by_write(self, O_DSYNC);
}

/* Pages flushed by one call, or -errno. */
static long flushed_pages(struct dax_test *self, struct flushes *f, sync_fn call)
{
	int ret = flushes_since(f);

	if (ret >= 0 && call(self))
		ret = -errno;
	if (ret >= 0)
		ret = flushes_since(f);
	return ret < 0 ? ret : (long)f->pages;
}

static void flushes_each_time(struct __test_metadata *_metadata, struct dax_test *self,
			      struct flushes *f, sync_fn call)
{
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(PINNED_PAGE, PINNED_PAGES, TESTDEV_PIN_WRITE, &id));
	/* The first one finds what the test itself has written, too. */
	EXPECT_LE(PINNED_PAGES, flushed_pages(self, f, call));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(PINNED_PAGES, flushed_pages(self, f, call));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(PINNED_PAGES, flushed_pages(self, f, call));
	EXPECT_EQ(0, flushed_pages(self, f, by_fsync));
	flush_trace_stop(&f->trace);
}

#define FLUSHES_TEST(kind)						\
	TEST_F(dax, kind)						\
	{								\
		struct flushes f;					\
									\
		trace_or_skip(&f);					\
		flushes_each_time(_metadata, self, &f, kind);		\
	}

FLUSHES_TEST(by_fsync)
FLUSHES_TEST(by_fdatasync)
FLUSHES_TEST(by_msync)
FLUSHES_TEST(by_msync_of_a_part)
FLUSHES_TEST(by_syncfs)
FLUSHES_TEST(by_sync)
FLUSHES_TEST(by_o_sync)
FLUSHES_TEST(by_o_dsync)

/* Leased and pinned for writing; what the test itself has written is clean. */
static void pin_and_flush(struct __test_metadata *_metadata, struct dax_test *self,
			  struct flushes *f)
{
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(PINNED_PAGE, PINNED_PAGES, TESTDEV_PIN_WRITE, &id));
	flushed_by_fsync(f, self->fd);
}

/* What is synced beside the pin is flushed once, and the pinned part is not. */
TEST_F(dax, a_part_that_is_not_pinned)
{
	struct flushes f;

	trace_or_skip(&f);
	pin_and_flush(_metadata, self, &f);
	page_of(self->map, 10)[0]++;
	EXPECT_EQ(0, msync(page_of(self->map, 10), PAGE_SZ, MS_SYNC));
	EXPECT_LT(0, flushes_since(&f));
	EXPECT_EQ(1, f.pages);
	EXPECT_EQ(0, msync(page_of(self->map, 10), PAGE_SZ, MS_SYNC));
	EXPECT_EQ(0, flushes_since(&f));
	flush_trace_stop(&f.trace);
}

static long fsync_of(void *path)
{
	int fd, ret;

	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	ret = fsync(fd) ? -errno : 0;
	close(fd);
	return ret;
}

/* Somebody who is no holder and has the file open for reading. */
TEST_F(dax, by_another_process)
{
	struct flushes f;

	trace_or_skip(&f);
	pin_and_flush(_metadata, self, &f);
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, in_child(fsync_of, self->path, PATH_LEN));
		EXPECT_LT(0, flushes_since(&f));
		EXPECT_EQ(PINNED_PAGES, f.pages);
	}
	flush_trace_stop(&f.trace);
}

/* The last pin for writing decides, also where one for reading stays. */
TEST_F(dax, pinned_for_reading_too)
{
	struct flushes f;
	uint32_t id, read_id;

	trace_or_skip(&f);
	acquire_whole();
	ASSERT_EQ(0, pin_pages(PINNED_PAGE, PINNED_PAGES, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, pin_pages(PINNED_PAGE, PINNED_PAGES, 0, &read_id));
	flushed_by_fsync(&f, self->fd);
	EXPECT_LT(0, flushed_by_fsync(&f, self->fd));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_LT(0, flushed_by_fsync(&f, self->fd));
	EXPECT_EQ(0, flushed_by_fsync(&f, self->fd));
	flush_trace_stop(&f.trace);
}

/* Of all pages of the file, one of which is written by the CPU each time. */
TEST_F(dax, as_many_flushes_with_all_pinned_for_reading)
{
	struct flushes f;
	uint32_t id;

	trace_or_skip(&f);
	acquire_whole();
	for (unsigned long i = 0; i < FILE_PAGES; i++)
		page_of(self->map, i)[0]++;
	flushed_by_fsync(&f, self->fd);

	page_of(self->map, 9)[0]++;
	EXPECT_EQ(1, flushed_by_fsync(&f, self->fd));
	EXPECT_EQ(1, f.pages);

	ASSERT_EQ(0, pin_pages(0, FILE_PAGES, 0, &id));
	/* It has faulted all pages in for writing. */
	flushed_by_fsync(&f, self->fd);
	for (int i = 0; i < 3; i++) {
		page_of(self->map, 9)[0]++;
		EXPECT_EQ(1, flushed_by_fsync(&f, self->fd));
		EXPECT_EQ(1, f.pages);
	}
	flush_trace_stop(&f.trace);
}

/* The fault that fills it commits the block itself. */
TEST_F(dax, a_hole_on_a_map_sync_mapping)
{
	char path[PATH_LEN];
	struct flushes f;
	uint32_t id;
	char *map;
	int fd;

	other_path(path, "hole");
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, FILE_SIZE));
	ASSERT_EQ(0, fsync(fd));
	map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0);
	if (map == MAP_FAILED)
		SKIP(return, "MAP_SYNC: %s", strerror(errno));
	trace_fd_or_skip(&f, fd);
	ASSERT_EQ(0, lease_acquire(self->lease, fd, 0, 0, NULL));
	ASSERT_EQ(0, testdev_pin(self->dev, page_of(map, 4), PINNED_PAGES, TESTDEV_PIN_WRITE, &id));
	for (int i = 0; i < 3; i++) {
		EXPECT_LT(0, flushed_by_fsync(&f, fd));
		EXPECT_EQ(PINNED_PAGES, f.pages);
	}
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_LT(0, flushed_by_fsync(&f, fd));
	EXPECT_EQ(0, flushed_by_fsync(&f, fd));
	flush_trace_stop(&f.trace);
}

/* By the entry, and as a whole. */
TEST_F(dax, an_entry_of_2_mib)
{
	struct flushes f;
	struct huge h;
	uint32_t id;

	if (!prepare(_metadata, self, &h))
		SKIP(return, "no aligned 2 MiB of blocks");
	trace_fd_or_skip(&f, h.fd);
	ASSERT_EQ(0, lease_acquire(self->lease, h.fd, 0, 0, NULL));
	ASSERT_EQ(0, testdev_pin(self->dev, page_of(h.map, 7), 1, TESTDEV_PIN_WRITE, &id));
	flushed_by_fsync(&f, h.fd);
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(1, flushed_by_fsync(&f, h.fd));
		EXPECT_EQ(lease_pinned_pages(), f.pages);
	}
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(1, flushed_by_fsync(&f, h.fd));
	EXPECT_EQ(0, flushed_by_fsync(&f, h.fd));
	flush_trace_stop(&f.trace);
}

/* A writeback that meets the pin in the making must not take the tag away. */
#define RACES	100

static void *fsync_thread(void *arg)
{
	struct dax_test *self = arg;

	return (void *)(long)(fsync(self->fd) ? -errno : 0);
}

TEST_F(dax, a_writeback_under_way)
{
	struct flushes f;
	pthread_t thread;
	void *result;
	uint32_t id;

	trace_or_skip(&f);
	acquire_whole();
	for (int i = 0; i < RACES; i++) {
		/* Dirty, and mapped writable. */
		page_of(self->map, PINNED_PAGE)[0]++;
		ASSERT_EQ(0, pthread_create(&thread, NULL, fsync_thread, self));
		/* A little later each time. */
		usleep(i * 20);
		ASSERT_EQ(0, pin_pages(PINNED_PAGE, 1, TESTDEV_PIN_WRITE, &id));
		ASSERT_EQ(0, pthread_join(thread, &result));
		ASSERT_EQ(NULL, result);
		ASSERT_EQ(1, flushed_by_fsync(&f, self->fd));
		ASSERT_EQ(0, testdev_unpin(self->dev, id));
	}
	flush_trace_stop(&f.trace);
}

TEST_HARNESS_MAIN
