// SPDX-License-Identifier: GPL-2.0
/*
 * Each layout change by a holder: EDEADLK at once where the range has pinned
 * pages, and success where it has not.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "faults.h"

#define PINNED		4
#define FREE		10

static struct change change_at(struct dax_test *self, unsigned long page)
{
	char other[PATH_LEN];

	other_path(other, "other");
	return change_of(self->path, other, page * PAGE_SZ, PAGE_SZ);
}

static bool setup(struct __test_metadata *_metadata, struct dax_test *self, peer_fn fn)
{
	char twin[PATH_LEN];
	struct change c = change_at(self, PINNED);
	long ret;
	int fd;

	fd = file_create(c.other, FILE_SIZE, FILE_SEED);
	ASSERT_LE(0, fd);
	close(fd);
	other_path(twin, "twin");
	fd = file_create(twin, FILE_SIZE, FILE_SEED);
	ASSERT_LE(0, fd);
	close(fd);
	c = change_of(twin, c.other, FREE * PAGE_SZ, PAGE_SZ);
	ret = fn(&c);
	if (change_missing(ret))
		return false;
	ASSERT_EQ(0, ret);
	return true;
}

struct op {
	peer_fn fn;
	bool has_range;
};

static void by_holder(struct __test_metadata *_metadata, struct dax_test *self, struct op op)
{
	struct change pinned = change_at(self, PINNED), unpinned = change_at(self, FREE);
	struct snapshot before, after;
	char page[PAGE_SZ];
	uint32_t id;

	if (!setup(_metadata, self, op.fn))
		SKIP(return, "not on this filesystem");
	acquire_whole();
	ASSERT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, fsync(self->fd));

	ASSERT_EQ(0, snapshot_take(self->path, &before));
	/* Whatever this process takes for the first time. */
	EXPECT_LE(0, faults_of(touch(self->map, FILE_PAGES)));
	EXPECT_EQ(-EDEADLK, op.fn(&pinned));
	/* No page has been unmapped on the way. */
	EXPECT_EQ(0, faults_of(touch(self->map, FILE_PAGES)));
	ASSERT_EQ(0, snapshot_take(self->path, &after));
	EXPECT_TRUE(snapshot_same(&before, &after));

	/* Beside the pin, which goes on. */
	if (op.has_range)
		EXPECT_EQ(0, op.fn(&unpinned));
	memset(page, 0x3c, PAGE_SZ);
	EXPECT_EQ(0, testdev_write(self->dev, id, 0, page, PAGE_SZ));
	EXPECT_EQ(0, memcmp(page, page_of(self->map, PINNED), PAGE_SZ));

	/* Restore what dedupe compares. */
	pattern_fill(page, PAGE_SZ, PINNED * PAGE_SZ, FILE_SEED);
	EXPECT_EQ(0, testdev_write(self->dev, id, 0, page, PAGE_SZ));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, op.fn(&pinned));
	EXPECT_EQ(0, lease_release(self->lease));
}

#define BY_HOLDER(name, fn)						\
	TEST_F(dax, name)						\
	{								\
		by_holder(_metadata, self, (struct op){ fn, true });	\
	}

#define BY_HOLDER_WHOLE(name, fn)					\
	TEST_F(dax, name)						\
	{								\
		by_holder(_metadata, self, (struct op){ fn, false });	\
	}

BY_HOLDER(truncate, change_truncate)
BY_HOLDER(ftruncate, change_ftruncate)
BY_HOLDER(punch_hole, change_punch)
BY_HOLDER(zero_range, change_zero)
BY_HOLDER(collapse_range, change_collapse)
BY_HOLDER(insert_range, change_insert)
BY_HOLDER(unshare_range, change_unshare)
BY_HOLDER(punch_by_madvise, change_madv_remove)
BY_HOLDER(zero_range_by_ioctl, change_zero_ioctl)
BY_HOLDER(reflink_source, change_reflink_from)
BY_HOLDER(reflink_destination, change_reflink_to)
BY_HOLDER(dedupe_source, change_dedupe_from)
BY_HOLDER(dedupe_destination, change_dedupe_to)
BY_HOLDER(exchange_range_file1, change_exchange_1)
BY_HOLDER(exchange_range_file2, change_exchange_2)
BY_HOLDER(commit_range_file1, change_commit_1)
BY_HOLDER(commit_range_file2, change_commit_2)
BY_HOLDER_WHOLE(open_with_trunc, change_open_trunc)
BY_HOLDER_WHOLE(online_repair, change_repair)
BY_HOLDER_WHOLE(dax_flag, change_dax_flag)

TEST_F(dax, swapext)
{
	struct change c = change_at(self, PINNED);
	uint32_t id;

	if (!setup(_metadata, self, change_swapext))
		SKIP(return, "not on this filesystem");
	/* It compares the sizes, which the try has left equal. */
	acquire_whole();
	ASSERT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &id));
	EXPECT_EQ(-EDEADLK, change_swapext(&c));
	EXPECT_EQ(-EDEADLK, change_swapext_tmp(&c));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, change_swapext(&c));
}

TEST_F(dax, swap_boot_loader)
{
	struct change c = change_at(self, PINNED);
	uint32_t id;

	if (variant->fs != &fs_ext4)
		SKIP(return, "an ioctl of ext4");
	acquire_whole();
	ASSERT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &id));
	EXPECT_EQ(-EDEADLK, change_swap_boot(&c));
	EXPECT_EQ(1, file_matches(self->fd, 0, FILE_SIZE, FILE_SEED));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, change_swap_boot(&c));
	EXPECT_EQ(0, change_swap_boot(&c));
}

/* Pinned by one holder, changed by another one of the same lease. */
TEST_F(dax, attached_holder)
{
	struct change pinned = change_at(self, PINNED), unpinned = change_at(self, FREE);
	struct peer peer;
	uint32_t id;
	int fd;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_open(&peer, self->path));
	fd = peer_give_fd(&peer, self->lease);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, peer_call(&peer, actor_use_lease, &fd, sizeof(fd)));
	EXPECT_EQ(-ETXTBSY, peer_call(&peer, change_punch, &unpinned, sizeof(unpinned)));
	ASSERT_EQ(0, peer_call(&peer, actor_attach, NULL, 0));
	EXPECT_EQ(-EDEADLK, peer_call(&peer, change_punch, &pinned, sizeof(pinned)));
	EXPECT_EQ(0, peer_call(&peer, change_punch, &unpinned, sizeof(unpinned)));
	peer_stop(&peer);
}

TEST_HARNESS_MAIN
