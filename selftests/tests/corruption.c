// SPDX-License-Identifier: GPL-2.0
/*
 * What all of this is for: a device goes on writing to a block that was freed
 * and given to another file.  Protected, the freeing is refused.  Where it is
 * not, the test finds the device's canary in somebody else's file, and fails:
 * with the checks disabled it must.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "fill.h"

#include <signal.h>

#define VICTIM_SEED	77
#define CHANGE_SECONDS	15

static void victim_of(struct __test_metadata *_metadata, struct dax_test *self, peer_fn fn)
{
	static struct fill fill[FILL_MAX];
	static char canary[FILL_VICTIM];
	char path[PATH_LEN], *map;
	struct change c;
	struct peer peer;
	int fd, nr, bad;
	uint32_t id;
	long ret;

	other_path(path, "victim");
	fd = file_create(path, FILL_VICTIM, VICTIM_SEED);
	ASSERT_LE(0, fd);
	map = file_map(fd, FILL_VICTIM, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, lease_acquire(self->lease, fd, 0, 0, NULL));
	ASSERT_EQ(0, testdev_pin(self->dev, map, FILL_VICTIM / PAGE_SZ, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, fill_make_scarce(self->dir));

	/* Unprotected it may also wait for the device, for ever. */
	c = change_of(path, NULL, 0, FILL_VICTIM);
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_post(&peer, fn, &c, sizeof(c)));
	alarm(CHANGE_SECONDS);
	ret = peer_result(&peer, NULL, 0);
	alarm(0);
	peer_kill(&peer);
	EXPECT_EQ(-ETXTBSY, ret)
		TH_LOG("pinned blocks were freed");

	sync();
	nr = fill_up(self->dir, fill);
	ASSERT_LT(0, nr);
	TH_LOG("%d files fill the filesystem", nr);
	memset(canary, 0xcd, sizeof(canary));
	ASSERT_EQ(0, testdev_write(self->dev, id, 0, canary, sizeof(canary)));
	bad = fill_find_corrupted(fill, nr);
	EXPECT_EQ(-1, bad)
		TH_LOG("CORRUPTION: the device wrote into %s", fill[bad].path);

	/* It wrote into its own file. */
	if (ret)
		EXPECT_EQ(0, memcmp(canary, map, sizeof(canary)));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
}

TEST_F(dax, truncate)
{
	victim_of(_metadata, self, change_truncate);
}

TEST_F(dax, punch_hole)
{
	victim_of(_metadata, self, change_punch);
}

TEST_HARNESS_MAIN
