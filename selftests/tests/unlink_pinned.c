// SPDX-License-Identifier: GPL-2.0
/*
 * Unlinking a pinned file returns at once; its blocks stay the device's until
 * the last pin and descriptor are gone, and then come back.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"

#define BIG_PAGES	512UL

struct space {
	const char *dir;
	long long free;
};

static bool is_free(void *arg)
{
	struct space *space = arg;

	return fs_free_blocks(space->dir) >= space->free;
}

static long unlink_path(void *arg)
{
	return unlink(arg) ? -errno : 0;
}

TEST_F(dax, blocks_come_back_with_the_last_pin)
{
	char path[PATH_LEN], page[PAGE_SZ], seen[PAGE_SZ];
	struct space space = { .dir = self->dir };
	long long held;
	uint32_t id;
	char *map;
	int fd;

	other_path(path, "big");
	fd = file_create(path, BIG_PAGES * PAGE_SZ, 3);
	ASSERT_LE(0, fd);
	map = file_map(fd, BIG_PAGES * PAGE_SZ, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	held = fs_free_blocks(self->dir);
	ASSERT_EQ(0, lease_acquire(self->lease, fd, 0, 0, NULL));
	ASSERT_EQ(0, testdev_pin(self->dev, page_of(map, 7), 1, TESTDEV_PIN_WRITE, &id));

	EXPECT_EQ(0, in_child(unlink_path, path, sizeof(path)));
	EXPECT_EQ(-1, access(path, F_OK));
	ASSERT_EQ(0, munmap(map, BIG_PAGES * PAGE_SZ));
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, close(self->lease));

	/* Only the pin is left. */
	EXPECT_GT(held + (long long)BIG_PAGES, fs_free_blocks(self->dir));
	memset(page, 0x77, PAGE_SZ);
	EXPECT_EQ(0, testdev_write(self->dev, id, 0, page, PAGE_SZ));
	EXPECT_EQ(0, testdev_read(self->dev, id, 0, seen, PAGE_SZ));
	EXPECT_EQ(0, memcmp(page, seen, PAGE_SZ));

	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	space.free = held + BIG_PAGES;
	EXPECT_TRUE(wait_until(is_free, &space));
}

TEST_F(dax, blocks_come_back_with_the_last_descriptor)
{
	struct space space = { .dir = self->dir };
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(0, FILE_PAGES, TESTDEV_PIN_WRITE, &id));
	space.free = fs_free_blocks(self->dir) + FILE_PAGES;
	ASSERT_EQ(0, unlink(self->path));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	ASSERT_EQ(0, lease_release(self->lease));
	EXPECT_EQ(1, file_matches(self->fd, 0, FILE_SIZE, FILE_SEED));
	ASSERT_EQ(0, munmap(self->map, FILE_SIZE));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(wait_until(is_free, &space));
}

TEST_F(dax, rename_over_a_pinned_file)
{
	char path[PATH_LEN], page[PAGE_SZ];
	uint32_t id;
	int fd;

	other_path(path, "new");
	fd = file_create(path, FILE_SIZE, 4);
	ASSERT_LE(0, fd);
	acquire_whole();
	ASSERT_EQ(0, pin_pages(0, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, rename(path, self->path));
	memset(page, 0x11, PAGE_SZ);
	EXPECT_EQ(0, testdev_write(self->dev, id, 0, page, PAGE_SZ));
	EXPECT_EQ(1, file_matches(fd, 0, FILE_SIZE, 4));
	EXPECT_EQ(0x11, self->map[0]);
}

/* The layout of a file without a name is protected as before. */
TEST_F(dax, holder_changes_an_unlinked_file)
{
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(2, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, unlink(self->path));
	EXPECT_EQ(-1, ftruncate(self->fd, 0));
	EXPECT_EQ(EDEADLK, errno);
	EXPECT_EQ(0, ftruncate(self->fd, 3 * PAGE_SZ));
}

/* Unlinked by its holder, which is then killed. */
TEST_F(dax, killed_after_unlink)
{
	struct space space = { .dir = self->dir };
	char path[PATH_LEN];
	struct peer peer;
	int fd;

	other_path(path, "big");
	fd = file_create(path, BIG_PAGES * PAGE_SZ, 3);
	ASSERT_LE(0, fd);
	close(fd);
	space.free = fs_free_blocks(self->dir) + BIG_PAGES;
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_open(&peer, path));
	ASSERT_EQ(0, peer_acquire(&peer, 0, 0));
	ASSERT_LE(0, peer_pin(&peer, 0, BIG_PAGES, TESTDEV_PIN_WRITE));
	ASSERT_EQ(0, unlink(path));
	peer_kill(&peer);
	EXPECT_TRUE(wait_leases(0, 0));
	EXPECT_TRUE(wait_until(is_free, &space));
}

TEST_HARNESS_MAIN
