// SPDX-License-Identifier: GPL-2.0
/*
 * fsync beside pins for writing: it returns, flushes the pinned pages each time
 * while they are pinned, and once more after that.
 */
#include "actor.h"
#include "dax_fixture.h"
#include "flush.h"

/* Flushed entries in this call of fsync. */
static int flushed(struct dax_test *self, struct flushes *f)
{
	return flushed_by_fsync(f, self->fd);
}

static void each_time(struct __test_metadata *_metadata, struct dax_test *self,
		      struct flushes *f, char *map)
{
	char page[PAGE_SZ];
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, testdev_pin(self->dev, page_of(map, 4), 3, TESTDEV_PIN_WRITE, &id));
	for (int i = 0; i < 3; i++) {
		memset(page, i, PAGE_SZ);
		ASSERT_EQ(0, testdev_write(self->dev, id, PAGE_SZ, page, PAGE_SZ));
		EXPECT_LT(0, flushed(self, f));
		EXPECT_LE(3, f->pages);
	}
	ASSERT_EQ(0, testdev_write(self->dev, id, 0, page, PAGE_SZ));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));

	/* What was written since the last one; then they are clean. */
	EXPECT_LT(0, flushed(self, f));
	EXPECT_EQ(0, flushed(self, f));
	EXPECT_EQ(0, flushed(self, f));
	flush_trace_stop(&f->trace);
}

TEST_F(dax, flushes_each_time_while_pinned)
{
	struct flushes f;

	trace_or_skip(&f);
	each_time(_metadata, self, &f, self->map);
}

/* Not even the write fault leaves a dirty entry there. */
TEST_F(dax, flushes_on_a_map_sync_mapping)
{
	struct flushes f;
	char *map;

	map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC,
		   self->fd, 0);
	if (map == MAP_FAILED)
		SKIP(return, "MAP_SYNC: %s", strerror(errno));
	trace_or_skip(&f);
	each_time(_metadata, self, &f, map);
}

TEST_F(dax, pages_that_are_not_pinned_become_clean)
{
	struct flushes f;
	uint32_t id;

	trace_or_skip(&f);
	acquire_whole();
	ASSERT_EQ(0, pin_pages(4, 1, TESTDEV_PIN_WRITE, &id));
	page_of(self->map, 10)[0]++;
	page_of(self->map, 11)[0]++;
	EXPECT_LE(1, flushed(self, &f));
	EXPECT_LE(3, f.pages);
	EXPECT_LE(1, flushed(self, &f));
	EXPECT_EQ(1, f.pages);
	flush_trace_stop(&f.trace);
}

/* A device that only reads leaves nothing to flush. */
TEST_F(dax, read_pin_is_not_kept_dirty)
{
	struct flushes f;
	uint32_t id;

	trace_or_skip(&f);
	acquire_whole();
	ASSERT_EQ(0, pin_pages(4, 2, 0, &id));
	/* It was faulted in writable. */
	flushed(self, &f);
	EXPECT_EQ(0, flushed(self, &f));
	flush_trace_stop(&f.trace);
}

TEST_F(dax, pinned_twice)
{
	struct flushes f;
	uint32_t id[2];

	trace_or_skip(&f);
	acquire_whole();
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pin_pages(4 + i, 2, TESTDEV_PIN_WRITE, &id[i]));
	ASSERT_EQ(0, testdev_unpin(self->dev, id[0]));
	flushed(self, &f);
	EXPECT_LT(0, flushed(self, &f));
	EXPECT_EQ(2, f.pages);
	ASSERT_EQ(0, testdev_unpin(self->dev, id[1]));
	flushed(self, &f);
	EXPECT_EQ(0, flushed(self, &f));
	flush_trace_stop(&f.trace);
}

TEST_F(dax, every_kind_of_sync_returns)
{
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(0, FILE_PAGES, TESTDEV_PIN_WRITE, &id));
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, fdatasync(self->fd));
	EXPECT_EQ(0, msync(self->map, FILE_SIZE, MS_SYNC));
	EXPECT_EQ(0, sync_file_range(self->fd, 0, FILE_SIZE,
				     SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
				     SYNC_FILE_RANGE_WAIT_AFTER));
	EXPECT_EQ(0, syncfs(self->fd));
	sync();
}

TEST_HARNESS_MAIN
