/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fixture of almost every test: a directory of its own on a DAX mount with
 * one synced file in it, once on ext4 and once on xfs.  Defines, rather than
 * declares: include it in one file of a program.
 */
#ifndef SELFTESTS_DAX_FIXTURE_H
#define SELFTESTS_DAX_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kselftest_harness.h"

/* The harness has 30 s; under emulation on a busy host that is not yet a hang. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120

#include "file.h"
#include "fs.h"
#include "lease.h"
#include "testdev.h"

/* An emulated guest on a busy host is slow; only a hang is to be ended. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120

#define FILE_PAGES	16
#define FILE_SIZE	(FILE_PAGES * PAGE_SZ)
#define FILE_SEED	1

FIXTURE(dax) {
	char dir[PATH_LEN];
	char path[PATH_LEN];
	int fd;
	char *map;
	/* Neither has a lease or a pin yet. */
	int lease;
	int dev;
	long long foll_pins;
};

/* What the harness calls the data of this fixture. */
#define dax_test _test_data_dax

FIXTURE_VARIANT(dax) {
	const struct dax_fs *fs;
};

FIXTURE_VARIANT_ADD(dax, ext4) {
	.fs = &fs_ext4,
};

FIXTURE_VARIANT_ADD(dax, xfs) {
	.fs = &fs_xfs,
};

FIXTURE_SETUP(dax)
{
	const char *mount = fs_dir(variant->fs);

	if (!mount)
		SKIP(return, "%s is not set", variant->fs->dir_env);
	self->lease = lease_open();
	if (self->lease < 0)
		SKIP(return, LEASE_DEV ": %s", strerror(-self->lease));
	self->dev = testdev_open();
	if (self->dev < 0)
		SKIP(return, TESTDEV_DEV ": %s", strerror(-self->dev));

	self->foll_pins = foll_pins();
	ASSERT_EQ(0, work_dir_make(mount, self->dir));
	snprintf(self->path, PATH_LEN, "%.*s/file", PATH_LEN - 8, self->dir);
	self->fd = file_create(self->path, FILE_SIZE, FILE_SEED);
	ASSERT_LE(0, self->fd);
	self->map = file_map(self->fd, FILE_SIZE, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, self->map);
}

/* The test's process is gone, so nothing of it may be left. */
FIXTURE_TEARDOWN_PARENT(dax)
{
	if (!self->dir[0])
		return;
	EXPECT_TRUE(wait_leases(0, 0));
	EXPECT_TRUE(wait_foll_pins(self->foll_pins));
	work_dir_remove(self->dir);
}

/* The path of another file of the test. */
#define other_path(buf, name) \
	snprintf(buf, PATH_LEN, "%.*s/%s", PATH_LEN - 40, self->dir, name)

/* A lease of the whole file by the test's process. */
#define acquire_whole() \
	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 0, 0, NULL))

/* Pins pages of the test's mapping; 0 or -errno. */
#define pin_pages(first, nr, flags, id) \
	testdev_pin(self->dev, page_of(self->map, first), nr, flags, id)

static inline char *page_of(char *map, unsigned long page)
{
	return map + page * PAGE_SZ;
}

#endif
