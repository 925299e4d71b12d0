// SPDX-License-Identifier: GPL-2.0
/* Device DAX has no layout that could change: pinned without a lease, as ever. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "lease.h"
#include "testdev.h"
#include "util.h"

/* The first /dev/daxN.M, or "". */
static void find_device(char *path)
{
	struct dirent *entry;
	DIR *dir = opendir("/sys/bus/dax/devices");

	path[0] = 0;
	if (!dir)
		return;
	while (!path[0] && (entry = readdir(dir))) {
		if (!strncmp(entry->d_name, "dax", 3))
			snprintf(path, PATH_LEN, "/dev/%.*s", PATH_LEN - 8, entry->d_name);
	}
	closedir(dir);
}

TEST(pin_without_a_lease)
{
	struct daxlease_stats before, after;
	char path[PATH_LEN], page[PAGE_SZ];
	int fd, dev;
	uint32_t id;
	char *map;

	find_device(path);
	if (!path[0])
		SKIP(return, "no device DAX instance");
	dev = testdev_open();
	if (dev < 0)
		SKIP(return, TESTDEV_DEV ": %s", strerror(-dev));
	fd = open(path, O_RDWR);
	if (fd < 0)
		SKIP(return, "%s: %s", path, strerror(errno));
	map = mmap(NULL, HUGE_SZ, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, lease_stats(&before));
	ASSERT_EQ(0, testdev_pin(dev, map, 1, TESTDEV_PIN_WRITE, &id));
	memset(page, 0x61, PAGE_SZ);
	EXPECT_EQ(0, testdev_write(dev, id, 0, page, PAGE_SZ));
	EXPECT_EQ(0x61, map[99]);
	ASSERT_EQ(0, testdev_unpin(dev, id));
	ASSERT_EQ(0, lease_stats(&after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
}

TEST(acquire_is_refused)
{
	char path[PATH_LEN];
	int fd, lease;

	find_device(path);
	if (!path[0])
		SKIP(return, "no device DAX instance");
	fd = open(path, O_RDWR);
	if (fd < 0)
		SKIP(return, "%s: %s", path, strerror(errno));
	lease = lease_open();
	ASSERT_LE(0, lease);
	EXPECT_EQ(-EOPNOTSUPP, lease_acquire(lease, fd, 0, 0, NULL));
}

TEST_HARNESS_MAIN
