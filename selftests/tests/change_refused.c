// SPDX-License-Identifier: GPL-2.0
/*
 * Each layout change of a leased file by a process that is no holder: refused
 * with ETXTBSY at once, pinned or not, and nothing of the file is changed, nor
 * unmapped.
 * With the lease given back the same call succeeds.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "faults.h"

#define PIN_FIRST	4
#define PIN_PAGES	2

/* Does this filesystem have it, when no lease is in the way? */
static long try_it(struct __test_metadata *_metadata, struct dax_test *self, peer_fn fn)
{
	char path[PATH_LEN], other[PATH_LEN];
	struct change c;
	int fd;

	other_path(path, "unleased");
	other_path(other, "unleased.other");
	fd = file_create(path, FILE_SIZE, FILE_SEED);
	ASSERT_LE(0, fd);
	close(fd);
	fd = file_create(other, FILE_SIZE, FILE_SEED);
	ASSERT_LE(0, fd);
	close(fd);
	c = change_of(path, other, PIN_FIRST * PAGE_SZ, PIN_PAGES * PAGE_SZ);
	return fn(&c);
}

/* At once: neither is anything changed, nor has a page been unmapped on the way. */
static void expect_refused(struct __test_metadata *_metadata, struct dax_test *self,
			   struct peer *peer, peer_fn fn, struct change *c)
{
	struct snapshot before, after;

	ASSERT_EQ(0, snapshot_take(self->path, &before));
	/* Whatever this process takes for the first time. */
	EXPECT_LE(0, faults_of(touch(self->map, FILE_PAGES)));
	EXPECT_EQ(-ETXTBSY, peer_call(peer, fn, c, sizeof(*c)));
	EXPECT_EQ(0, faults_of(touch(self->map, FILE_PAGES)));
	ASSERT_EQ(0, snapshot_take(self->path, &after));
	EXPECT_TRUE(snapshot_same(&before, &after));
}

static void refused(struct __test_metadata *_metadata, struct dax_test *self, peer_fn fn)
{
	char other[PATH_LEN], page[PAGE_SZ];
	struct peer peer;
	struct change c;
	uint32_t id;
	long ret;
	int fd;

	ret = try_it(_metadata, self, fn);
	if (change_missing(ret))
		SKIP(return, "not on this filesystem: %s", strerror(-ret));
	ASSERT_EQ(0, ret);

	other_path(other, "other");
	fd = file_create(other, FILE_SIZE, FILE_SEED);
	ASSERT_LE(0, fd);
	close(fd);
	c = change_of(self->path, other, PIN_FIRST * PAGE_SZ, PIN_PAGES * PAGE_SZ);
	ASSERT_EQ(0, peer_start(&peer));

	acquire_whole();
	ASSERT_EQ(0, pin_pages(PIN_FIRST, PIN_PAGES, TESTDEV_PIN_WRITE, &id));
	memcpy(page, page_of(self->map, PIN_FIRST), PAGE_SZ);
	ASSERT_EQ(0, fsync(self->fd));

	/* Pinned. */
	expect_refused(_metadata, self, &peer, fn, &c);

	/* The device still writes to the file. */
	page[0] ^= 1;
	EXPECT_EQ(0, testdev_write(self->dev, id, 0, page, PAGE_SZ));
	EXPECT_EQ(page[0], page_of(self->map, PIN_FIRST)[0]);
	page[0] ^= 1;
	EXPECT_EQ(0, testdev_write(self->dev, id, 0, page, PAGE_SZ));

	/* Leased, no longer pinned. */
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	expect_refused(_metadata, self, &peer, fn, &c);

	/* Free. */
	ASSERT_EQ(0, lease_release(self->lease));
	EXPECT_EQ(0, peer_call(&peer, fn, &c, sizeof(c)));
	peer_stop(&peer);
}

#define REFUSED(name, fn)			\
	TEST_F(dax, name)			\
	{					\
		refused(_metadata, self, fn);	\
	}

REFUSED(truncate, change_truncate)
REFUSED(ftruncate, change_ftruncate)
REFUSED(open_with_trunc, change_open_trunc)
REFUSED(punch_hole, change_punch)
REFUSED(zero_range, change_zero)
REFUSED(collapse_range, change_collapse)
REFUSED(insert_range, change_insert)
REFUSED(unshare_range, change_unshare)
REFUSED(punch_by_ioctl, change_unresvsp)
REFUSED(punch_by_madvise, change_madv_remove)
REFUSED(zero_range_by_ioctl, change_zero_ioctl)
REFUSED(reflink_source, change_reflink_from)
REFUSED(reflink_destination, change_reflink_to)
REFUSED(dedupe_source, change_dedupe_from)
REFUSED(dedupe_destination, change_dedupe_to)
REFUSED(exchange_range_file1, change_exchange_1)
REFUSED(exchange_range_file2, change_exchange_2)
REFUSED(commit_range_file1, change_commit_1)
REFUSED(commit_range_file2, change_commit_2)
REFUSED(swapext_target, change_swapext)
REFUSED(swapext_temporary, change_swapext_tmp)
REFUSED(online_repair, change_repair)
REFUSED(dax_flag, change_dax_flag)

TEST_F(dax, swap_boot_loader)
{
	/* The number means something else elsewhere. */
	if (variant->fs != &fs_ext4)
		SKIP(return, "an ioctl of ext4");
	refused(_metadata, self, change_swap_boot);
}

/* No device of persistent memory does it; xfs asks the lease before the device. */
TEST_F(dax, write_zeroes)
{
	struct change c = change_of(self->path, NULL, PIN_FIRST * PAGE_SZ, PAGE_SZ);
	struct snapshot before, after;

	EXPECT_EQ(-EOPNOTSUPP, in_child(change_write_zeroes, &c, sizeof(c)));
	acquire_whole();
	ASSERT_EQ(0, snapshot_take(self->path, &before));
	EXPECT_EQ(variant->fs == &fs_xfs ? -ETXTBSY : -EOPNOTSUPP,
		  in_child(change_write_zeroes, &c, sizeof(c)));
	ASSERT_EQ(0, snapshot_take(self->path, &after));
	EXPECT_TRUE(snapshot_same(&before, &after));
}

/* ext4 does not do it to DAX files at all, leased or not. */
TEST_F(dax, move_extent)
{
	struct snapshot before, after;
	char other[PATH_LEN];
	struct change c;

	if (variant->fs != &fs_ext4)
		SKIP(return, "an ioctl of ext4");
	other_path(other, "other");
	close(file_create(other, FILE_SIZE, 2));
	c = change_of(self->path, other, PIN_FIRST * PAGE_SZ, PAGE_SZ);
	acquire_whole();
	ASSERT_EQ(0, snapshot_take(self->path, &before));
	EXPECT_EQ(-EOPNOTSUPP, in_child(change_move_from, &c, sizeof(c)));
	EXPECT_EQ(-EOPNOTSUPP, in_child(change_move_to, &c, sizeof(c)));
	ASSERT_EQ(0, snapshot_take(self->path, &after));
	EXPECT_TRUE(snapshot_same(&before, &after));
}

static long as_owner(void *arg)
{
	struct change *c = arg;

	if (setresgid(1234, 1234, 1234) || setresuid(1234, 1234, 1234))
		return -errno;
	return change_truncate(c);
}

TEST_F(dax, truncate_by_the_owner_of_the_file)
{
	struct change c = change_of(self->path, NULL, 0, 0);

	ASSERT_EQ(0, fchown(self->fd, 1234, 1234));
	acquire_whole();
	EXPECT_EQ(-ETXTBSY, in_child(as_owner, &c, sizeof(c)));
	ASSERT_EQ(0, lease_release(self->lease));
	EXPECT_EQ(0, in_child(as_owner, &c, sizeof(c)));
}

TEST_F(dax, refusals_are_counted)
{
	struct change c = change_of(self->path, NULL, 0, 0);
	struct daxlease_stats before, after;

	acquire_whole();
	ASSERT_EQ(0, lease_stats(&before));
	EXPECT_EQ(-ETXTBSY, in_child(change_truncate, &c, sizeof(c)));
	ASSERT_EQ(0, lease_stats(&after));
	EXPECT_EQ(before.breaks + 1, after.breaks);
	EXPECT_EQ(before.breaks_refused + 1, after.breaks_refused);
}

TEST_HARNESS_MAIN
