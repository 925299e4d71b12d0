// SPDX-License-Identifier: GPL-2.0
/*
 * Unmounting, remounting and freezing a filesystem with pinned pages, and
 * executing a leased file: a lease keeps its file open for writing.
 */
#include "actor.h"
#include "dax_fixture.h"

#include <linux/fs.h>

/* Leaves nothing of the test that keeps the filesystem busy but the pin. */
static void keep_only_the_pin(struct __test_metadata *_metadata, struct dax_test *self,
			      uint32_t *id)
{
	acquire_whole();
	ASSERT_EQ(0, pin_pages(2, 2, TESTDEV_PIN_WRITE, id));
	ASSERT_EQ(0, munmap(self->map, FILE_SIZE));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, close(self->lease));
}

TEST_F(dax, umount_with_a_pin_is_busy)
{
	char page[PAGE_SZ];
	uint32_t id;

	keep_only_the_pin(_metadata, self, &id);
	EXPECT_EQ(-EBUSY, fs_umount(variant->fs));
	memset(page, 0x21, PAGE_SZ);
	EXPECT_EQ(0, testdev_write(self->dev, id, 0, page, PAGE_SZ));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));

	/* With the pin the lease has gone, and with it all of this. */
	ASSERT_TRUE(wait_leases(0, 0));
	ASSERT_EQ(0, fs_umount(variant->fs));
	ASSERT_EQ(0, fs_mount(variant->fs));
	self->fd = open(self->path, O_RDONLY);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(1, file_matches(self->fd, 0, 2 * PAGE_SZ, FILE_SEED));
	ASSERT_EQ((ssize_t)PAGE_SZ, pread(self->fd, page, PAGE_SZ, 2 * PAGE_SZ));
	EXPECT_EQ(0x21, page[0]);
	EXPECT_EQ(0x21, page[PAGE_SZ - 1]);
}

TEST_F(dax, umount_with_a_lease_is_busy)
{
	acquire_whole();
	ASSERT_EQ(0, munmap(self->map, FILE_SIZE));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(-EBUSY, fs_umount(variant->fs));
	ASSERT_EQ(0, lease_release(self->lease));
	ASSERT_EQ(0, fs_umount(variant->fs));
	ASSERT_EQ(0, fs_mount(variant->fs));
}

/* Of the pattern that is in it nothing can be executed, which is found out later. */
static long execute(void *path)
{
	execl(path, path, NULL);
	return -errno;
}

#define try_execute() in_child(execute, self->path, sizeof(self->path))

TEST_F(dax, neither_read_only_nor_executed_with_a_lease)
{
	ASSERT_EQ(0, fchmod(self->fd, 0755));
	acquire_whole();
	ASSERT_EQ(0, munmap(self->map, FILE_SIZE));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(-EBUSY, fs_remount(variant->fs, true));
	EXPECT_EQ(-ETXTBSY, try_execute());
	ASSERT_EQ(0, lease_release(self->lease));
	EXPECT_EQ(-ENOEXEC, try_execute());
	ASSERT_EQ(0, fs_remount(variant->fs, true));
	ASSERT_EQ(0, fs_remount(variant->fs, false));
}

TEST_F(dax, neither_read_only_nor_executed_with_an_orphaned_pin)
{
	uint32_t id;

	ASSERT_EQ(0, fchmod(self->fd, 0755));
	keep_only_the_pin(_metadata, self, &id);
	EXPECT_EQ(-EBUSY, fs_remount(variant->fs, true));
	EXPECT_EQ(-ETXTBSY, try_execute());
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	ASSERT_TRUE(wait_leases(0, 0));
	EXPECT_EQ(-ENOEXEC, try_execute());
	ASSERT_EQ(0, fs_remount(variant->fs, true));
	ASSERT_EQ(0, fs_remount(variant->fs, false));
}

FIXTURE(frozen) {
	int dir;
};

FIXTURE_VARIANT(frozen) {
	const struct dax_fs *fs;
};

FIXTURE_VARIANT_ADD(frozen, ext4) {
	.fs = &fs_ext4,
};

FIXTURE_VARIANT_ADD(frozen, xfs) {
	.fs = &fs_xfs,
};

FIXTURE_SETUP(frozen)
{
	if (!fs_dir(variant->fs))
		SKIP(return, "%s is not set", variant->fs->dir_env);
	self->dir = open(fs_dir(variant->fs), O_RDONLY | O_DIRECTORY);
	ASSERT_LE(0, self->dir);
}

FIXTURE_TEARDOWN_PARENT(frozen)
{
	int dir;

	if (!fs_dir(variant->fs))
		return;
	dir = open(fs_dir(variant->fs), O_RDONLY | O_DIRECTORY);
	ioctl(dir, FITHAW, 0);
	close(dir);
	EXPECT_TRUE(wait_leases(0, 0));
}

/* Documented: the device's writes go on. */
TEST_F(frozen, freeze_with_a_write_pin)
{
	char path[PATH_LEN], page[PAGE_SZ];
	uint32_t id;
	int fd, lease, dev;
	char *map;

	lease = lease_open();
	dev = testdev_open();
	if (lease < 0 || dev < 0)
		SKIP(return, "no daxlease or no test device");
	snprintf(path, PATH_LEN, "%.*s/frozen", PATH_LEN - 8, fs_dir(variant->fs));
	unlink(path);
	fd = file_create(path, FILE_SIZE, FILE_SEED);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, unlink(path));
	map = file_map(fd, FILE_SIZE, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, lease_acquire(lease, fd, 0, 0, NULL));
	ASSERT_EQ(0, testdev_pin(dev, map, 1, TESTDEV_PIN_WRITE, &id));

	ASSERT_EQ(0, ioctl(self->dir, FIFREEZE, 0));
	memset(page, 0x42, PAGE_SZ);
	EXPECT_EQ(0, testdev_write(dev, id, 0, page, PAGE_SZ));
	EXPECT_EQ(PAGE_SZ, pread(fd, page, PAGE_SZ, 0));
	ASSERT_EQ(0, ioctl(self->dir, FITHAW, 0));

	EXPECT_EQ(0x42, page[17]);
	EXPECT_EQ(0, fsync(fd));
	EXPECT_EQ(0, testdev_unpin(dev, id));
	EXPECT_EQ(0, ftruncate(fd, 0));
}

TEST_HARNESS_MAIN
