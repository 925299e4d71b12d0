// SPDX-License-Identifier: GPL-2.0
/*
 * Writes beside a pin.  A filesystem that copies shared blocks on write may set
 * space aside for the blocks around, too; a pinned block that is not shared must
 * stay where it is all the same.
 */
#include "dax_fixture.h"

#include <linux/fs.h>

#define SHARED_PAGES	10
#define PINNED		10

static uint64_t block_of(struct __test_metadata *_metadata, struct dax_test *self, off_t off)
{
	struct extent extent = {};

	EXPECT_EQ(1, file_extent(self->fd, off, &extent));
	return extent.physical + (off - extent.logical);
}

/*
 * Pages 0 to 9 are shared with another file, page 10 never was; it is pinned.
 * Not on a filesystem that shares nothing: false.
 */
static bool pin_beside_shared(struct __test_metadata *_metadata, struct dax_test *self,
			      uint32_t *id)
{
	struct file_clone_range range = {
		.src_length = SHARED_PAGES * PAGE_SZ,
	};
	char path[PATH_LEN];

	other_path(path, "source");
	range.src_fd = file_create(path, FILE_SIZE, FILE_SEED);
	EXPECT_LE(0, range.src_fd);
	if (ioctl(self->fd, FICLONERANGE, &range))
		return false;
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, lease_acquire(self->lease, self->fd, 0, 0, NULL));
	EXPECT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, id));
	return true;
}

/* The device's page is still the file's. */
static void device_writes_the_file(struct __test_metadata *_metadata, struct dax_test *self,
				   uint32_t id)
{
	char page[PAGE_SZ], seen[PAGE_SZ];

	memset(page, 0xd4, PAGE_SZ);
	ASSERT_EQ(0, testdev_write(self->dev, id, 0, page, PAGE_SZ));
	ASSERT_EQ(PAGE_SZ, pread(self->fd, seen, PAGE_SZ, PINNED * PAGE_SZ));
	EXPECT_EQ(0, memcmp(page, seen, PAGE_SZ));
	EXPECT_EQ(0, memcmp(page, page_of(self->map, PINNED), PAGE_SZ));
}

TEST_F(dax, write_to_the_pinned_page)
{
	uint64_t before;
	uint32_t id;

	if (!pin_beside_shared(_metadata, self, &id))
		SKIP(return, "no reflink: %s", strerror(errno));
	before = block_of(_metadata, self, PINNED * PAGE_SZ);
	ASSERT_EQ(1, pwrite(self->fd, "n", 1, 3 * PAGE_SZ));
	ASSERT_EQ(1, pwrite(self->fd, "p", 1, PINNED * PAGE_SZ));
	ASSERT_EQ(0, fsync(self->fd));
	EXPECT_EQ(before, block_of(_metadata, self, PINNED * PAGE_SZ));
	device_writes_the_file(_metadata, self, id);
}

TEST_F(dax, store_to_the_pinned_page)
{
	uint64_t before;
	uint32_t id;

	if (!pin_beside_shared(_metadata, self, &id))
		SKIP(return, "no reflink: %s", strerror(errno));
	before = block_of(_metadata, self, PINNED * PAGE_SZ);
	page_of(self->map, 3)[0] = 'n';
	/* Write-protects both, so that the next stores fault. */
	ASSERT_EQ(0, fsync(self->fd));
	page_of(self->map, PINNED)[0] = 'p';
	ASSERT_EQ(0, fsync(self->fd));
	EXPECT_EQ(before, block_of(_metadata, self, PINNED * PAGE_SZ));
	device_writes_the_file(_metadata, self, id);
}

TEST_F(dax, write_to_the_shared_page)
{
	uint64_t before;
	uint32_t id;

	if (!pin_beside_shared(_metadata, self, &id))
		SKIP(return, "no reflink: %s", strerror(errno));
	before = block_of(_metadata, self, 3 * PAGE_SZ);
	ASSERT_EQ(1, pwrite(self->fd, "n", 1, 3 * PAGE_SZ));
	ASSERT_EQ(0, fsync(self->fd));
	EXPECT_NE(before, block_of(_metadata, self, 3 * PAGE_SZ));
	EXPECT_EQ('n', page_of(self->map, 3)[0]);
}

TEST_HARNESS_MAIN
