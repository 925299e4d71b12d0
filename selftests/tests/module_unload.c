// SPDX-License-Identifier: GPL-2.0
/*
 * The module cannot be unloaded while a lease or a pin is alive.  That it can
 * be afterwards is for the runner to check: here it would end the other tests.
 */
#include "dax_fixture.h"

#include <sys/syscall.h>

#define MODULE	"daxlease"

static int unload(void)
{
	return syscall(SYS_delete_module, MODULE, O_NONBLOCK) ? -errno : 0;
}

/* delete_module(2) says it either way; rmmod says "in use". */
static bool refused(int ret)
{
	return ret == -EBUSY || ret == -EWOULDBLOCK;
}

TEST_F(dax, with_a_lease)
{
	acquire_whole();
	EXPECT_TRUE(refused(unload()));
	ASSERT_EQ(0, lease_release(self->lease));
}

TEST_F(dax, with_a_lease_and_a_pin)
{
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(0, 1, TESTDEV_PIN_WRITE, &id));
	EXPECT_TRUE(refused(unload()));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_TRUE(refused(unload()));
}

/* Not one descriptor of the module is open; the pin alone keeps it. */
TEST_F(dax, with_an_orphaned_pin)
{
	char page[PAGE_SZ] = { 1 };
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(0, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, close(self->lease));
	EXPECT_TRUE(refused(unload()));
	EXPECT_EQ(0, testdev_write(self->dev, id, 0, page, PAGE_SZ));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
}

TEST_HARNESS_MAIN
