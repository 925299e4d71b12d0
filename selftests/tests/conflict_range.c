// SPDX-License-Identifier: GPL-2.0
/*
 * The ranges that conflict, exactly: a lease of pages 4 to 7 of 16, changes by
 * another process that just touch it or just do not.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"

#define FIRST	4
#define END	8

static void lease_middle(struct __test_metadata *_metadata, struct dax_test *self)
{
	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, FIRST * PAGE_SZ,
				   (END - FIRST) * PAGE_SZ, NULL));
}

static long other(struct dax_test *self, peer_fn fn, off_t off, off_t len)
{
	struct change c = change_of(self->path, NULL, off, len);

	return in_child(fn, &c, sizeof(c));
}

TEST_F(dax, truncate_rounds_up_to_a_page)
{
	lease_middle(_metadata, self);
	EXPECT_EQ(-ETXTBSY, other(self, change_truncate, 0, 0));
	EXPECT_EQ(-ETXTBSY, other(self, change_truncate, FIRST * PAGE_SZ, 0));
	EXPECT_EQ(-ETXTBSY, other(self, change_truncate, (END - 1) * PAGE_SZ, 0));
	/* The last leased page stays; only its tail is zeroed. */
	EXPECT_EQ(0, other(self, change_truncate, END * PAGE_SZ, 0));
	EXPECT_EQ(0, other(self, change_truncate, (END - 1) * PAGE_SZ + 1, 0));
	EXPECT_EQ(-ETXTBSY, other(self, change_truncate, (END - 1) * PAGE_SZ, 0));
}

TEST_F(dax, truncate_inside_of_a_pinned_page)
{
	char page[PAGE_SZ];
	struct stat st;
	uint32_t id;

	lease_middle(_metadata, self);
	ASSERT_EQ(0, pin_pages(END - 1, 1, TESTDEV_PIN_WRITE, &id));
	EXPECT_EQ(0, other(self, change_truncate, END * PAGE_SZ - 100, 0));
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(END * PAGE_SZ - 100, st.st_size);
	memset(page, 7, PAGE_SZ);
	ASSERT_EQ(0, testdev_write(self->dev, id, 0, page, PAGE_SZ));
	EXPECT_EQ(7, page_of(self->map, END - 1)[0]);
	/* By the holder, too. */
	EXPECT_EQ(0, ftruncate(self->fd, END * PAGE_SZ - 200));
	EXPECT_EQ(-1, ftruncate(self->fd, (END - 1) * PAGE_SZ));
	EXPECT_EQ(EDEADLK, errno);
}

TEST_F(dax, truncate_to_the_same_size)
{
	/* Blocks behind the end may go: nothing for this lease, all for the next. */
	lease_middle(_metadata, self);
	EXPECT_EQ(0, other(self, change_truncate, FILE_SIZE, 0));
	ASSERT_EQ(0, lease_release(self->lease));
	acquire_whole();
	EXPECT_EQ(-ETXTBSY, other(self, change_truncate, FILE_SIZE, 0));
}

TEST_F(dax, extending_truncate)
{
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(0, FILE_PAGES, TESTDEV_PIN_WRITE, &id));
	EXPECT_EQ(0, other(self, change_truncate, FILE_SIZE + 1, 0));
	EXPECT_EQ(0, other(self, change_truncate, FILE_SIZE + 8 * PAGE_SZ, 0));
	EXPECT_EQ(0, ftruncate(self->fd, FILE_SIZE + 9 * PAGE_SZ));
	/* Covered by the lease now. */
	EXPECT_EQ(-ETXTBSY, other(self, change_truncate, FILE_SIZE + 8 * PAGE_SZ, 0));
}

static void both_edges(struct __test_metadata *_metadata, struct dax_test *self, peer_fn fn)
{
	lease_middle(_metadata, self);
	EXPECT_EQ(-ETXTBSY, other(self, fn, FIRST * PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(-ETXTBSY, other(self, fn, (END - 1) * PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(-ETXTBSY, other(self, fn, (END - 1) * PAGE_SZ, 2 * PAGE_SZ));
	EXPECT_EQ(-ETXTBSY, other(self, fn, (FIRST - 1) * PAGE_SZ, 2 * PAGE_SZ));
	EXPECT_EQ(-ETXTBSY, other(self, fn, 0, FILE_SIZE));
	EXPECT_EQ(0, other(self, fn, (FIRST - 1) * PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(0, other(self, fn, 0, FIRST * PAGE_SZ));
	EXPECT_EQ(0, other(self, fn, END * PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(0, other(self, fn, END * PAGE_SZ, FILE_SIZE - END * PAGE_SZ));
	EXPECT_EQ(1, file_matches(self->fd, FIRST * PAGE_SZ, (END - FIRST) * PAGE_SZ,
				  FILE_SEED));
}

TEST_F(dax, punch_hole)
{
	both_edges(_metadata, self, change_punch);
	/* Parts of a page are a change of its contents and of its block. */
	EXPECT_EQ(-ETXTBSY, other(self, change_punch, FIRST * PAGE_SZ + 8, 16));
	EXPECT_EQ(-ETXTBSY, other(self, change_punch, FIRST * PAGE_SZ - 8, 16));
}

TEST_F(dax, zero_range)
{
	both_edges(_metadata, self, change_zero);
}

TEST_F(dax, unshare_range)
{
	if (!variant->fs->reflink)
		SKIP(return, "the filesystem shares no blocks");
	both_edges(_metadata, self, change_unshare);
}

/* They move everything behind their offset. */
static void to_the_end(struct __test_metadata *_metadata, struct dax_test *self, peer_fn fn)
{
	lease_middle(_metadata, self);
	EXPECT_EQ(-ETXTBSY, other(self, fn, 0, PAGE_SZ));
	EXPECT_EQ(-ETXTBSY, other(self, fn, (FIRST - 1) * PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(-ETXTBSY, other(self, fn, (END - 1) * PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(0, other(self, fn, END * PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(1, file_matches(self->fd, 0, END * PAGE_SZ, FILE_SEED));
}

TEST_F(dax, collapse_range)
{
	to_the_end(_metadata, self, change_collapse);
}

TEST_F(dax, insert_range)
{
	to_the_end(_metadata, self, change_insert);
}

static void one_of_two(struct __test_metadata *_metadata, struct dax_test *self, peer_fn fn)
{
	struct change c;
	char path[PATH_LEN];
	long ret;
	int fd;

	other_path(path, "other");
	fd = file_create(path, FILE_SIZE, FILE_SEED);
	ASSERT_LE(0, fd);
	lease_middle(_metadata, self);
	c = change_of(self->path, path, END * PAGE_SZ, PAGE_SZ);
	ret = in_child(fn, &c, sizeof(c));
	if (change_missing(ret))
		SKIP(return, "not on this filesystem");
	EXPECT_EQ(0, ret);
	c.off = (FIRST - 1) * PAGE_SZ;
	EXPECT_EQ(0, in_child(fn, &c, sizeof(c)));
	c.len = 2 * PAGE_SZ;
	EXPECT_EQ(-ETXTBSY, in_child(fn, &c, sizeof(c)));
	c.off = (END - 1) * PAGE_SZ;
	EXPECT_EQ(-ETXTBSY, in_child(fn, &c, sizeof(c)));
	c.len = PAGE_SZ;
	EXPECT_EQ(-ETXTBSY, in_child(fn, &c, sizeof(c)));
}

TEST_F(dax, reflink_source)
{
	one_of_two(_metadata, self, change_reflink_from);
}

TEST_F(dax, reflink_destination)
{
	one_of_two(_metadata, self, change_reflink_to);
}

TEST_F(dax, dedupe_source)
{
	one_of_two(_metadata, self, change_dedupe_from);
}

TEST_F(dax, dedupe_destination)
{
	one_of_two(_metadata, self, change_dedupe_to);
}

TEST_F(dax, exchange_range)
{
	one_of_two(_metadata, self, change_exchange_1);
}

TEST_F(dax, lease_to_the_end_grows_with_the_file)
{
	uint32_t id;
	char *map;

	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, FIRST * PAGE_SZ, 0, NULL));
	ASSERT_EQ(0, ftruncate(self->fd, 2 * FILE_SIZE));
	map = file_map(self->fd, 2 * FILE_SIZE, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	EXPECT_EQ(0, testdev_pin(self->dev, map + FILE_SIZE, FILE_PAGES, TESTDEV_PIN_WRITE, &id));
	EXPECT_EQ(-ETXTBSY, other(self, change_punch, 2 * FILE_SIZE - PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(0, other(self, change_punch, 0, FIRST * PAGE_SZ));
}

TEST_F(dax, lease_behind_the_end_of_file)
{
	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 2 * FILE_SIZE, PAGE_SZ, NULL));
	EXPECT_EQ(0, other(self, change_punch, 0, FILE_SIZE));
	EXPECT_EQ(-ETXTBSY, other(self, change_punch, 0, 2 * FILE_SIZE + 1));
}

TEST_HARNESS_MAIN
