// SPDX-License-Identifier: GPL-2.0
/*
 * What has been stored to a file is flushed by the layout change that takes its
 * entries away, or by the next fsync, where the change leaves it in the file.
 */
#include "change.h"
#include "dax_fixture.h"
#include "flush.h"
#include "huge_file.h"

#include <linux/falloc.h>

#define DIRTY		6
#define DIRTY_PAGES	3

/* Flushed of a file by a change and an fsync behind it, in pages; or -errno. */
static long flushed_by(struct flushes *f, int fd, peer_fn change, struct change *c)
{
	long ret = flushes_since(f);

	if (ret >= 0)
		ret = change(c);
	if (!ret && fsync(fd))
		ret = -errno;
	if (!ret)
		ret = flushes_since(f);
	return ret < 0 ? ret : (long)f->pages;
}

static void store(struct __test_metadata *_metadata, struct dax_test *self, struct flushes *f)
{
	for (unsigned long i = 0; i < FILE_PAGES; i++)
		page_of(self->map, i)[0]++;
	EXPECT_LE(0, flushed_by_fsync(f, self->fd));
	for (unsigned long i = 0; i < DIRTY_PAGES; i++)
		page_of(self->map, DIRTY + i)[0]++;
}

static void is_flushed(struct __test_metadata *_metadata, struct dax_test *self,
		       peer_fn change, off_t off, off_t len)
{
	struct flushes f;
	char other[PATH_LEN];
	struct change c;
	long pages;
	int fd;

	trace_or_skip(&f);
	other_path(other, "other");
	fd = file_create(other, FILE_SIZE, FILE_SEED + 1);
	ASSERT_LE(0, fd);
	close(fd);
	store(_metadata, self, &f);
	c = change_of(self->path, other, off, len);
	pages = flushed_by(&f, self->fd, change, &c);
	flush_trace_stop(&f.trace);
	if (change_missing(pages))
		SKIP(return, "%s", strerror(-pages));
	EXPECT_EQ(DIRTY_PAGES, pages);
}

#define FLUSHED_TEST_BY(name, change, off, len)				\
	TEST_F(dax, name)						\
	{								\
		is_flushed(_metadata, self, change_ ## change, off, len);	\
	}

#define FLUSHED_TEST(change, off, len) FLUSHED_TEST_BY(change, change, off, len)

/* The blocks are moved. */
FLUSHED_TEST(collapse, 0, 2 * PAGE_SZ)
FLUSHED_TEST(insert, 0, 2 * PAGE_SZ)
FLUSHED_TEST(exchange_1, 0, FILE_SIZE)
FLUSHED_TEST(exchange_2, 0, FILE_SIZE)
FLUSHED_TEST(swapext, 0, FILE_SIZE)
FLUSHED_TEST(swapext_tmp, 0, FILE_SIZE)
/* They are shared. */
FLUSHED_TEST(reflink_from, 0, FILE_SIZE)
/* They stay, beside others that go. */
FLUSHED_TEST(punch, PAGE_SZ, 2 * PAGE_SZ)
/* Parts of two of them go. */
FLUSHED_TEST_BY(punch_of_parts, punch, DIRTY * PAGE_SZ + 100, PAGE_SZ)
FLUSHED_TEST_BY(zero_of_parts, zero, DIRTY * PAGE_SZ + 100, PAGE_SZ)
FLUSHED_TEST(truncate, (DIRTY + DIRTY_PAGES) * PAGE_SZ - 100, 0)

/* One page goes of an entry of 2 MiB: the rest of it is flushed before. */
TEST_F(dax, punch_of_a_part_of_an_entry)
{
	struct flushes f;
	struct change c;
	struct huge h;

	if (!prepare(_metadata, self, &h))
		SKIP(return, "no aligned 2 MiB of blocks");
	trace_fd_or_skip(&f, h.fd);
	EXPECT_LE(0, flushed_by_fsync(&f, h.fd));
	h.map[0]++;
	EXPECT_EQ(1, flushed_by_fsync(&f, h.fd));
	if (f.pages == 1)
		SKIP(return, "the kernel did not map a 2 MiB folio");
	h.map[0]++;
	c = change_of(h.path, NULL, h.off + 100 * PAGE_SZ, PAGE_SZ);
	EXPECT_EQ(HUGE_PAGES, flushed_by(&f, h.fd, change_punch, &c));
	/* As it was before, but for the hole and the counter. */
	EXPECT_EQ(1, file_is_zero(h.fd, h.off + 100 * PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(1, file_matches(h.fd, h.off + PAGE_SZ, 99 * PAGE_SZ, FILE_SEED));
	flush_trace_stop(&f.trace);
}

/* What goes as a whole need not be flushed. */
TEST_F(dax, not_what_is_cut_off)
{
	struct flushes f;
	struct change c;

	trace_or_skip(&f);
	store(_metadata, self, &f);
	c = change_of(self->path, NULL, 0, 0);
	EXPECT_EQ(0, flushed_by(&f, self->fd, change_truncate, &c));
	flush_trace_stop(&f.trace);
}

/* What a device has written is the file's as soon as the pin is gone. */
TEST_F(dax, written_by_a_device_before)
{
	struct flushes f;
	struct change c;
	long pages;
	uint32_t id;

	trace_or_skip(&f);
	acquire_whole();
	ASSERT_EQ(0, pin_pages(DIRTY, DIRTY_PAGES, TESTDEV_PIN_WRITE, &id));
	flushed_by_fsync(&f, self->fd);
	ASSERT_EQ(0, testdev_write(self->dev, id, 0, "w", 1));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	c = change_of(self->path, NULL, 0, 2 * PAGE_SZ);
	pages = flushed_by(&f, self->fd, change_collapse, &c);
	EXPECT_EQ(DIRTY_PAGES, pages);
	flush_trace_stop(&f.trace);
}

TEST_HARNESS_MAIN
