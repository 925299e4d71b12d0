// SPDX-License-Identifier: GPL-2.0
/*
 * Layout changes that reach up to the largest offset there is, where rounding
 * has no room: they touch the lease like any other.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"

#include <limits.h>

static void refused(struct __test_metadata *_metadata, struct dax_test *self, peer_fn fn,
		    off_t off)
{
	struct change c = change_of(self->path, NULL, off, LLONG_MAX - off);
	struct snapshot before, after;
	uint32_t id;
	long ret;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(4, 2, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, snapshot_take(self->path, &before));
	ret = in_child(fn, &c, sizeof(c));
	/* Or further than files of this filesystem go, or not a whole block. */
	EXPECT_TRUE(ret == -ETXTBSY || ret == -EFBIG || ret == -EINVAL || change_missing(ret));
	ASSERT_EQ(0, snapshot_take(self->path, &after));
	EXPECT_TRUE(snapshot_same(&before, &after));
}

TEST_F(dax, punch_hole)
{
	refused(_metadata, self, change_punch, 0);
}

TEST_F(dax, punch_hole_from_a_page)
{
	refused(_metadata, self, change_punch, 4 * PAGE_SZ);
}

TEST_F(dax, punch_hole_from_the_middle_of_a_page)
{
	refused(_metadata, self, change_punch, 4 * PAGE_SZ + 1);
}

TEST_F(dax, zero_range)
{
	refused(_metadata, self, change_zero, 0);
}

TEST_F(dax, unshare_range)
{
	refused(_metadata, self, change_unshare, 0);
}

TEST_F(dax, unresvsp)
{
	refused(_metadata, self, change_unresvsp, 0);
}

TEST_HARNESS_MAIN
