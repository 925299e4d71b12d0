// SPDX-License-Identifier: GPL-2.0
/* The check that ends each fault program notices memory that is lost. */
#include "kselftest_harness.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../inject/inject_uapi.h"
#include "leak.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	600

TEST(what_is_lost_is_noticed)
{
	int dev = open("/dev/daxlease-inject", O_RDWR | O_CLOEXEC);

	if (dev < 0)
		SKIP(return, "no fault injection here");
	if (leak_scan() == -ENOENT)
		SKIP(return, "the kernel has no kmemleak");
	ASSERT_EQ(0, leak_scan());
	ASSERT_EQ(0, ioctl(dev, INJECT_LOSE));
	/* A stack may remember one or the other. */
	EXPECT_LT(INJECT_LOST / 2, leak_scan());
	ASSERT_EQ(0, ioctl(dev, INJECT_FIND));
	EXPECT_EQ(0, leak_scan());
	close(dev);
}

TEST_HARNESS_MAIN
