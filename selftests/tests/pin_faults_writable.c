// SPDX-License-Identifier: GPL-2.0
/*
 * A pin for reading faults writable too: a hole is filled and a shared block
 * unshared before, not under, the pin.
 */
#include "dax_fixture.h"

#include <linux/falloc.h>
#include <linux/fiemap.h>
#include <linux/fs.h>

TEST_F(dax, read_pin_fills_a_hole)
{
	struct extent before, after;
	char seen[PAGE_SZ];
	uint32_t id;

	ASSERT_EQ(0, fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       4 * PAGE_SZ, 4 * PAGE_SZ));
	ASSERT_EQ(0, file_extent(self->fd, 5 * PAGE_SZ, &before));
	/* The zero page may be mapped there already. */
	ASSERT_EQ(0, *(volatile char *)page_of(self->map, 5));

	acquire_whole();
	ASSERT_EQ(0, pin_pages(5, 1, 0, &id));
	ASSERT_EQ(1, file_extent(self->fd, 5 * PAGE_SZ, &before));

	/* What is written now goes to the block that the device reads. */
	page_of(self->map, 5)[7] = 42;
	ASSERT_EQ(1, pwrite(self->fd, "x", 1, 5 * PAGE_SZ + 8));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(1, file_extent(self->fd, 5 * PAGE_SZ, &after));
	EXPECT_EQ(before.physical + (5 * PAGE_SZ - before.logical),
		  after.physical + (5 * PAGE_SZ - after.logical));
	ASSERT_EQ(0, testdev_read(self->dev, id, 0, seen, PAGE_SZ));
	EXPECT_EQ(42, seen[7]);
	EXPECT_EQ('x', seen[8]);
	EXPECT_EQ(0, seen[9]);
}

TEST_F(dax, read_pin_of_preallocated_blocks)
{
	struct extent extent;
	char seen[PAGE_SZ];
	uint32_t id;

	ASSERT_EQ(0, fallocate(self->fd, FALLOC_FL_ZERO_RANGE, 4 * PAGE_SZ, 4 * PAGE_SZ));
	acquire_whole();
	ASSERT_EQ(0, pin_pages(4, 4, 0, &id));
	ASSERT_EQ(1, file_extent(self->fd, 5 * PAGE_SZ, &extent));
	EXPECT_EQ(0, extent.flags & FIEMAP_EXTENT_UNWRITTEN);
	ASSERT_EQ(0, testdev_read(self->dev, id, 0, seen, PAGE_SZ));
	EXPECT_EQ(0, seen[0]);
}

TEST_F(dax, read_pin_across_data_and_holes)
{
	struct extent extent;
	uint32_t id;

	ASSERT_EQ(0, fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       2 * PAGE_SZ, PAGE_SZ));
	ASSERT_EQ(0, fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       9 * PAGE_SZ, 3 * PAGE_SZ));
	acquire_whole();
	ASSERT_EQ(0, pin_pages(0, FILE_PAGES, 0, &id));
	EXPECT_EQ(FILE_PAGES, lease_pinned_pages());
	for (int page = 0; page < FILE_PAGES; page++)
		EXPECT_EQ(1, file_extent(self->fd, page * PAGE_SZ, &extent));
}

static void shared_block(struct __test_metadata *_metadata, struct dax_test *self,
			 uint32_t flags)
{
	struct extent extent, unshared;
	char path[PATH_LEN], seen[PAGE_SZ];
	uint32_t id;
	int copy;

	other_path(path, "copy");
	copy = open(path, O_RDWR | O_CREAT, 0600);
	ASSERT_LE(0, copy);
	if (ioctl(copy, FICLONE, self->fd))
		SKIP(return, "no reflink: %s", strerror(errno));
	ASSERT_EQ(1, file_extent(self->fd, 3 * PAGE_SZ, &extent));
	ASSERT_NE(0, extent.flags & FIEMAP_EXTENT_SHARED);
	/* Mapped for reading, as the shared block. */
	ASSERT_NE(0x7f, *(volatile char *)page_of(self->map, 3));

	acquire_whole();
	ASSERT_EQ(0, pin_pages(3, 1, flags, &id));
	ASSERT_EQ(1, file_extent(self->fd, 3 * PAGE_SZ, &unshared));
	EXPECT_EQ(0, unshared.flags & FIEMAP_EXTENT_SHARED);

	/* The copy keeps its own, and the device sees what is written now. */
	page_of(self->map, 3)[0] = 1;
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(1, file_extent(self->fd, 3 * PAGE_SZ, &extent));
	EXPECT_EQ(unshared.physical + (3 * PAGE_SZ - unshared.logical),
		  extent.physical + (3 * PAGE_SZ - extent.logical));
	EXPECT_EQ(1, file_matches(copy, 0, FILE_SIZE, FILE_SEED));
	ASSERT_EQ(0, testdev_read(self->dev, id, 0, seen, PAGE_SZ));
	EXPECT_EQ(1, seen[0]);
	if (flags & TESTDEV_PIN_WRITE) {
		memset(seen, 0x55, PAGE_SZ);
		ASSERT_EQ(0, testdev_write(self->dev, id, 0, seen, PAGE_SZ));
		EXPECT_EQ(1, file_matches(copy, 0, FILE_SIZE, FILE_SEED));
		EXPECT_EQ(0x55, page_of(self->map, 3)[100]);
	}
}

TEST_F(dax, read_pin_unshares)
{
	shared_block(_metadata, self, 0);
}

TEST_F(dax, write_pin_unshares)
{
	shared_block(_metadata, self, TESTDEV_PIN_WRITE);
}

TEST_HARNESS_MAIN
