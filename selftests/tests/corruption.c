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

#include <signal.h>

/*
 * So much is pinned and freed, and so much, up to twice, is free besides: most
 * of what can be written then must go to the freed blocks, also where a
 * filesystem keeps some for itself.
 */
#define VICTIM		(48UL << 20)
#define ROOM		(16UL << 20)
#define VICTIM_SEED	77
#define FILL_MAX	128
#define FILL_SIZE	(1UL << 20)
#define FILL_SEED	1000

struct fill {
	char path[PATH_LEN];
	int fd;
	off_t size;
};

/* Takes all blocks but a few, so that those freed next are used again soon. */
static void make_scarce(struct __test_metadata *_metadata, struct dax_test *self)
{
	char path[PATH_LEN];
	long long bytes;
	off_t off = 0;
	int fd;

	other_path(path, "ballast");
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	ASSERT_LE(0, fd);
	for (;;) {
		bytes = fs_free_blocks(self->dir) * (long long)PAGE_SZ - (long long)ROOM;
		if (bytes < (long long)ROOM)
			break;
		/* Less than is free: some of it is reserved, some is metadata. */
		bytes = bytes / 4 * 3 & -PAGE_SZ;
		if (fallocate(fd, 0, off, bytes))
			break;
		off += bytes;
	}
	close(fd);
}

/* Writes files until nothing more fits in; returns their number. */
static int fill_up(struct dax_test *self, struct fill *fill)
{
	static char buf[FILL_SIZE];
	ssize_t n = FILL_SIZE;
	int nr;

	for (nr = 0; nr < FILL_MAX && n > 0; nr++) {
		char name[32];

		snprintf(name, sizeof(name), "fill.%d", nr);
		other_path(fill[nr].path, name);
		fill[nr].fd = open(fill[nr].path, O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fill[nr].fd < 0)
			break;
		pattern_fill(buf, FILL_SIZE, 0, FILL_SEED + nr);
		fill[nr].size = 0;
		while (fill[nr].size < (off_t)FILL_SIZE) {
			n = pwrite(fill[nr].fd, buf + fill[nr].size, FILL_SIZE - fill[nr].size,
				   fill[nr].size);
			if (n <= 0)
				break;
			fill[nr].size += n;
		}
	}
	return nr;
}

/* The number of the first file that is not as it was written, or -1. */
static int find_corrupted(struct fill *fill, int nr)
{
	for (int i = 0; i < nr; i++) {
		if (file_matches(fill[i].fd, 0, fill[i].size & -8, FILL_SEED + i) != 1)
			return i;
	}
	return -1;
}

static void victim_of(struct __test_metadata *_metadata, struct dax_test *self, peer_fn fn)
{
	static struct fill fill[FILL_MAX];
	static char canary[VICTIM];
	char path[PATH_LEN], *map;
	struct change c;
	struct peer peer;
	int fd, nr, bad;
	uint32_t id;
	long ret;

	other_path(path, "victim");
	fd = file_create(path, VICTIM, VICTIM_SEED);
	ASSERT_LE(0, fd);
	map = file_map(fd, VICTIM, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, lease_acquire(self->lease, fd, 0, 0, NULL));
	ASSERT_EQ(0, testdev_pin(self->dev, map, VICTIM / PAGE_SZ, TESTDEV_PIN_WRITE, &id));
	make_scarce(_metadata, self);

	/* Unprotected it may also wait for the device, for ever. */
	c = change_of(path, NULL, 0, VICTIM);
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_post(&peer, fn, &c, sizeof(c)));
	alarm(TEST_TIMEOUT_DEFAULT / 2);
	ret = peer_result(&peer, NULL, 0);
	alarm(0);
	peer_kill(&peer);
	EXPECT_EQ(-ETXTBSY, ret)
		TH_LOG("pinned blocks were freed");

	sync();
	nr = fill_up(self, fill);
	ASSERT_LT(0, nr);
	TH_LOG("%d files fill the filesystem", nr);
	memset(canary, 0xcd, sizeof(canary));
	ASSERT_EQ(0, testdev_write(self->dev, id, 0, canary, sizeof(canary)));
	bad = find_corrupted(fill, nr);
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
