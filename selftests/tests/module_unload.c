// SPDX-License-Identifier: GPL-2.0
/*
 * The module cannot be unloaded while a descriptor, a lease, a pin or a layout
 * change is alive, each by a reference of its own.  That it can be afterwards is
 * for the runner to check: here it would end the other tests.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "event.h"

#include <stdlib.h>
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

/* What is in the way of it. */
static int references(void)
{
	char text[32];

	if (read_text("/sys/module/" MODULE "/refcnt", text, sizeof(text)) < 0)
		return -1;
	return atoi(text);
}

TEST_F(dax, with_a_descriptor_alone)
{
	int before = references(), fd;

	fd = lease_open();
	ASSERT_LE(0, fd);
	EXPECT_EQ(before + 1, references());
	ASSERT_EQ(0, close(self->lease));
	/* There is no other one. */
	EXPECT_EQ(1, references());
	EXPECT_TRUE(refused(unload()));
	ASSERT_EQ(0, close(fd));
	EXPECT_EQ(0, references());
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
	EXPECT_EQ(1, references());
	EXPECT_TRUE(refused(unload()));
	EXPECT_EQ(0, testdev_write(self->dev, id, 0, page, PAGE_SZ));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, references());
}

/* The pages are gone, and the owner has not let go of the handle yet. */
TEST_F(dax, with_a_revoked_pin)
{
	struct daxlease_force args = { .size = sizeof(args), .fd = self->fd };
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(0, 1, TESTDEV_PIN_WRITE | TESTDEV_PIN_REVOCABLE, &id));
	ASSERT_EQ(0, ioctl(self->lease, DAXLEASE_FORCE, &args));
	ASSERT_EQ(1, args.revoked);
	ASSERT_EQ(0, close(self->lease));
	/* Looks by a descriptor of its own. */
	EXPECT_TRUE(wait_leases(0, 0));
	EXPECT_EQ(1, references());
	EXPECT_TRUE(refused(unload()));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, references());
}

TEST_F(dax, with_a_layout_change_that_waits)
{
	struct change c = change_of(self->path, NULL, 0, PAGE_SZ);
	struct daxlease_event event;
	struct peer peer;
	int before;
	uint32_t id;

	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, BREAK_NEVER_MS));
	ASSERT_EQ(0, pin_pages(0, 1, TESTDEV_PIN_WRITE, &id));
	before = references();
	ASSERT_EQ(0, peer_post(&peer, change_punch, &c, sizeof(c)));
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_BREAK, event.type);
	EXPECT_EQ(before + 1, references());
	EXPECT_TRUE(refused(unload()));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, peer_result(&peer, NULL, 0));
	/* The pin and the change. */
	EXPECT_EQ(before - 1, references());
	peer_stop(&peer);
}

TEST_HARNESS_MAIN
