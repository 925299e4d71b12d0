// SPDX-License-Identifier: GPL-2.0
/*
 * What goes on beside pinned pages as if they were not there: neither refused
 * nor made to wait, by another process and by the holder.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"

#include <linux/fiemap.h>
#include <linux/fs.h>

static void pin_some(struct __test_metadata *_metadata, struct dax_test *self)
{
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(3, 1, TESTDEV_PIN_WRITE, &id));
}

/* By a process that is no holder, then by the holder. */
static void goes_on(struct __test_metadata *_metadata, struct dax_test *self, peer_fn fn,
		    off_t off, off_t len)
{
	struct change c = change_of(self->path, NULL, off, len);

	EXPECT_EQ(0, in_child(fn, &c, sizeof(c)));
	EXPECT_EQ(0, fn(&c));
}

TEST_F(dax, write_into_a_pinned_page)
{
	char seen[PAGE_SZ], zero[PAGE_SZ] = { 0 };
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(3, 1, TESTDEV_PIN_WRITE, &id));
	goes_on(_metadata, self, change_write, 3 * PAGE_SZ, PAGE_SZ);
	ASSERT_EQ(0, testdev_read(self->dev, id, 0, seen, PAGE_SZ));
	EXPECT_EQ(0, memcmp(seen, zero, PAGE_SZ));
}

TEST_F(dax, write_beside_a_pinned_page)
{
	pin_some(_metadata, self);
	goes_on(_metadata, self, change_write, 4 * PAGE_SZ, 2 * PAGE_SZ);
	goes_on(_metadata, self, change_write, 100, 3000);
}

TEST_F(dax, append)
{
	struct stat st;

	pin_some(_metadata, self);
	goes_on(_metadata, self, change_append, 0, PAGE_SZ + 1);
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(FILE_SIZE + 2 * (PAGE_SZ + 1), st.st_size);
}

TEST_F(dax, write_behind_the_end_of_file)
{
	pin_some(_metadata, self);
	goes_on(_metadata, self, change_write, 2 * FILE_SIZE, PAGE_SZ);
}

TEST_F(dax, extending_truncate)
{
	pin_some(_metadata, self);
	goes_on(_metadata, self, change_truncate, FILE_SIZE + 123, 0);
}

/* Stock xfs waits for busy pages in every mode of fallocate. */
TEST_F(dax, allocate)
{
	pin_some(_metadata, self);
	goes_on(_metadata, self, change_allocate, 0, FILE_SIZE);
	goes_on(_metadata, self, change_allocate, FILE_SIZE, 4 * PAGE_SZ);
}

TEST_F(dax, allocate_into_a_hole)
{
	struct extent extent;
	uint32_t id;

	ASSERT_EQ(0, fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       8 * PAGE_SZ, PAGE_SZ));
	acquire_whole();
	ASSERT_EQ(0, pin_pages(3, 1, TESTDEV_PIN_WRITE, &id));
	goes_on(_metadata, self, change_allocate, 8 * PAGE_SZ, PAGE_SZ);
	EXPECT_EQ(1, file_extent(self->fd, 8 * PAGE_SZ, &extent));
}

TEST_F(dax, rename_link_chmod_chown_utime)
{
	char path[PATH_LEN], link_path[PATH_LEN];

	pin_some(_metadata, self);
	other_path(path, "renamed");
	other_path(link_path, "linked");
	EXPECT_EQ(0, chmod(self->path, 0600));
	EXPECT_EQ(0, chown(self->path, 99, 99));
	EXPECT_EQ(0, utimensat(AT_FDCWD, self->path, NULL, 0));
	EXPECT_EQ(0, link(self->path, link_path));
	EXPECT_EQ(0, rename(self->path, path));
	EXPECT_EQ(0, rename(path, self->path));
}

static long read_and_map(void *arg)
{
	struct change *c = arg;
	int fd, ret;
	char *map;

	fd = open(c->path, O_RDWR);
	if (fd < 0)
		return -errno;
	ret = file_matches(fd, 0, FILE_SIZE, FILE_SEED);
	map = file_map(fd, FILE_SIZE, PROT_READ | PROT_WRITE);
	if (ret != 1 || !map || !pattern_match(map, FILE_SIZE, 0, FILE_SEED))
		return -EIO;
	map[8] = map[8];
	return close(fd);
}

TEST_F(dax, read_and_map)
{
	pin_some(_metadata, self);
	goes_on(_metadata, self, read_and_map, 0, 0);
}

static long sync_file(void *arg)
{
	struct change *c = arg;
	int fd, ret;

	fd = open(c->path, O_RDWR);
	if (fd < 0)
		return -errno;
	ret = fsync(fd) || fdatasync(fd) || syncfs(fd) ? -errno : 0;
	sync();
	close(fd);
	return ret;
}

TEST_F(dax, fsync_and_sync)
{
	pin_some(_metadata, self);
	goes_on(_metadata, self, sync_file, 0, 0);
}

/* Copies bytes where it may not share blocks. */
TEST_F(dax, copy_file_range)
{
	struct extent extent;
	char path[PATH_LEN];
	loff_t in = 0, out = 0;
	uint32_t id;
	ssize_t n;
	int fd;

	other_path(path, "source");
	fd = file_create(path, FILE_SIZE, 9);
	ASSERT_LE(0, fd);
	acquire_whole();
	ASSERT_EQ(0, pin_pages(3, 1, TESTDEV_PIN_WRITE, &id));
	while (in < (loff_t)FILE_SIZE) {
		n = copy_file_range(fd, &in, self->fd, &out, FILE_SIZE - in, 0);
		ASSERT_LT(0, n);
	}
	EXPECT_EQ(1, file_matches(self->fd, 0, FILE_SIZE, 9));
	EXPECT_TRUE(pattern_match(page_of(self->map, 3), PAGE_SZ, 3 * PAGE_SZ, 9));
	ASSERT_EQ(1, file_extent(self->fd, 3 * PAGE_SZ, &extent));
	EXPECT_EQ(0, extent.flags & FIEMAP_EXTENT_SHARED);
}

/* A file without any lease on a filesystem with some. */
TEST_F(dax, other_files)
{
	char path[PATH_LEN], third[PATH_LEN];
	struct change c;
	int fd;

	pin_some(_metadata, self);
	other_path(path, "free");
	fd = file_create(path, FILE_SIZE, 5);
	ASSERT_LE(0, fd);
	other_path(third, "free.other");
	close(file_create(third, FILE_SIZE, 5));
	c = change_of(path, third, 4 * PAGE_SZ, PAGE_SZ);
	EXPECT_EQ(0, in_child(change_punch, &c, sizeof(c)));
	EXPECT_EQ(0, change_collapse(&c));
	EXPECT_EQ(0, change_truncate(&c));
	EXPECT_EQ(0, change_open_trunc(&c));
	EXPECT_EQ(0, unlink(path));
}

TEST_HARNESS_MAIN
