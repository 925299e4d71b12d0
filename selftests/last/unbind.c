// SPDX-License-Identifier: GPL-2.0
/*
 * The pmem devices under pins are unbound from their driver: their pages stay
 * until they are unpinned.
 *
 * To be run last in a guest that is thrown away: the filesystems keep DAX entries
 * of pages that are gone then, and trip over them when they are unmounted, with
 * or without pins.  Not on xfs, which was seen to go round in circles in the
 * removal; see Documentation/limits.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "file.h"
#include "fs.h"
#include "lease.h"
#include "peer.h"
#include "testdev.h"

/* As in dax_fixture.h. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120

#define DRIVER		"/sys/bus/nd/drivers/nd_pmem/"
#define PAGES		8
#define ROUNDS		100

FIXTURE(device) {
	int unused;
};

FIXTURE_VARIANT(device) {
	const struct dax_fs *fs;
};

FIXTURE_VARIANT_ADD(device, ext4) {
	.fs = &fs_ext4,
};

FIXTURE_SETUP(device)
{
	if (!fs_dir(variant->fs))
		SKIP(return, "%s is not set", variant->fs->dir_env);
}

FIXTURE_TEARDOWN(device)
{
}

/* The device's name on its bus, such as "pfn0.1". */
static int device_name(int fd, char *name)
{
	char path[PATH_LEN], link[PATH_LEN];
	struct stat st;
	ssize_t len;

	if (fstat(fd, &st))
		return -errno;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/device", major(st.st_dev),
		 minor(st.st_dev));
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return -errno;
	link[len] = 0;
	snprintf(name, PATH_LEN, "%s", basename(link));
	return 0;
}

static long unbind(void *name)
{
	return write_text(DRIVER "unbind", name);
}

TEST_F(device, waits_for_the_pin)
{
	char path[PATH_LEN], name[PATH_LEN], page[PAGE_SZ];
	int fd, lease, device;
	struct peer peer;
	uint32_t id;
	char *map;

	snprintf(path, sizeof(path), "%s/unbound", fs_dir(variant->fs));
	fd = file_create(path, PAGES * PAGE_SZ, 1);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, device_name(fd, name));
	map = file_map(fd, PAGES * PAGE_SZ, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, peer_start(&peer));
	device = testdev_open();
	lease = lease_take(fd);
	ASSERT_LE(0, lease);
	ASSERT_EQ(0, testdev_pin(device, map + 3 * PAGE_SZ, 2, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, munmap(map, PAGES * PAGE_SZ));
	ASSERT_EQ(0, fsync(fd));

	ASSERT_EQ(0, peer_post(&peer, unbind, name, sizeof(name)));
	ASSERT_TRUE(wait_blocked_in(peer.pid, __NR_write));
	/*
	 * The device with the pin goes on writing to memory that is still there.
	 * How far the removal gets meanwhile depends on the filesystem.
	 */
	for (int i = 1; i <= ROUNDS; i++) {
		memset(page, i, PAGE_SZ);
		ASSERT_EQ(0, testdev_write(device, id, PAGE_SZ, page, PAGE_SZ));
		memset(page, 0, PAGE_SZ);
		ASSERT_EQ(0, testdev_read(device, id, PAGE_SZ, page, PAGE_SZ));
		ASSERT_EQ(i, page[PAGE_SZ - 1]);
		ASSERT_FALSE(peer_has_result(&peer));
		usleep(20000);
	}

	ASSERT_EQ(0, testdev_unpin(device, id));
	EXPECT_EQ(0, peer_result(&peer, NULL, 0));
	peer_stop(&peer);
}

TEST_HARNESS_MAIN
