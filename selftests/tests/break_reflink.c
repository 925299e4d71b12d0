// SPDX-License-Identifier: GPL-2.0
/*
 * A clone of a leased file is taken when the pins are gone, and what is pinned
 * afterwards is a copy: the device never reaches the shared blocks.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "event.h"

#define PINNED		4
#define PAGES		3

static uint64_t block_of(int fd, off_t off)
{
	struct extent extent;

	if (file_extent(fd, off, &extent) != 1)
		return 0;
	return extent.physical + (off - extent.logical);
}

static struct change clone_to(struct dax_test *self, const char *clone)
{
	return change_of(self->path, clone, PINNED * PAGE_SZ, PAGES * PAGE_SZ);
}

/* A holder that gives way, and pins again as soon as it may. */
static uint32_t give_way(struct __test_metadata *_metadata, struct dax_test *self,
			 struct peer *breaker, uint32_t id)
{
	struct daxlease_event event;

	EXPECT_EQ(0, event_wait(self->lease, DAXLEASE_EVENT_BREAK, &event));
	EXPECT_EQ(DAXLEASE_REASON_REMAP, event.reason);
	EXPECT_EQ(-EAGAIN, pin_pages(PINNED, PAGES, TESTDEV_PIN_WRITE, &id));
	EXPECT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, event_wait(self->lease, DAXLEASE_EVENT_RESUMED, &event));
	EXPECT_EQ(0, event.outcome);
	EXPECT_EQ(0, pin_pages(PINNED, PAGES, TESTDEV_PIN_WRITE, &id));
	EXPECT_EQ(0, peer_result(breaker, NULL, 0));
	return id;
}

static void write_by_device(struct __test_metadata *_metadata, struct dax_test *self,
			    uint32_t id, char byte)
{
	char page[PAGE_SZ];

	memset(page, byte, PAGE_SZ);
	for (int i = 0; i < PAGES; i++)
		ASSERT_EQ(0, testdev_write(self->dev, id, i * PAGE_SZ, page, PAGE_SZ));
}

/* -1: there are no clones here. */
static int make_clone(struct __test_metadata *_metadata, struct dax_test *self, char *path)
{
	struct change c;
	int fd;

	other_path(path, "clone");
	fd = file_create(path, FILE_SIZE, FILE_SEED + 1);
	EXPECT_LE(0, fd);
	c = clone_to(self, path);
	/* Tried once without a lease, and taken back. */
	if (change_missing(change_reflink_from(&c))) {
		close(fd);
		return -1;
	}
	EXPECT_EQ(0, ftruncate(fd, 0));
	EXPECT_EQ(0, ftruncate(fd, FILE_SIZE));
	return fd;
}

TEST_F(dax, a_pinned_source)
{
	char path[PATH_LEN];
	struct peer breaker;
	struct change c;
	uint64_t before;
	uint32_t id;
	int clone = make_clone(_metadata, self, path);

	if (clone < 0)
		SKIP(return, "not on this filesystem");
	c = clone_to(self, path);
	ASSERT_EQ(0, peer_start(&breaker));
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, BREAK_NEVER_MS));
	ASSERT_EQ(0, pin_pages(PINNED, PAGES, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, fsync(self->fd));
	before = block_of(self->fd, PINNED * PAGE_SZ);
	ASSERT_EQ(0, peer_post(&breaker, change_reflink_from, &c, sizeof(c)));
	id = give_way(_metadata, self, &breaker, id);

	/* The clone has the old blocks, the pin is of new ones. */
	EXPECT_EQ(before, block_of(clone, PINNED * PAGE_SZ));
	EXPECT_NE(before, block_of(self->fd, PINNED * PAGE_SZ));
	write_by_device(_metadata, self, id, 0x77);
	EXPECT_EQ(1, file_matches(clone, PINNED * PAGE_SZ, PAGES * PAGE_SZ, FILE_SEED));
	EXPECT_EQ(0x77, *page_of(self->map, PINNED));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	ASSERT_EQ(0, fsync(self->fd));
	EXPECT_EQ(1, file_matches(clone, PINNED * PAGE_SZ, PAGES * PAGE_SZ, FILE_SEED));
	EXPECT_EQ(1, file_matches(self->fd, 0, PINNED * PAGE_SZ, FILE_SEED));
	peer_stop(&breaker);
}

TEST_F(dax, a_pinned_destination)
{
	char path[PATH_LEN];
	struct peer breaker;
	struct change c;
	uint32_t id;
	int source = make_clone(_metadata, self, path);

	if (source < 0)
		SKIP(return, "not on this filesystem");
	close(source);
	ASSERT_EQ(0, unlink(path));
	source = file_create(path, FILE_SIZE, FILE_SEED + 1);
	ASSERT_LE(0, source);
	c = clone_to(self, path);
	ASSERT_EQ(0, peer_start(&breaker));
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, BREAK_NEVER_MS));
	ASSERT_EQ(0, pin_pages(PINNED, PAGES, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, peer_post(&breaker, change_reflink_to, &c, sizeof(c)));
	id = give_way(_metadata, self, &breaker, id);
	write_by_device(_metadata, self, id, 0x77);
	EXPECT_EQ(1, file_matches(source, 0, FILE_SIZE, FILE_SEED + 1));
	EXPECT_EQ(0x77, *page_of(self->map, PINNED));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	peer_stop(&breaker);
}

/* Both files are leased, by different holders, and both give way. */
TEST_F(dax, both_pinned)
{
	struct actor_range range = { .arg = BREAK_NEVER_MS };
	struct daxlease_event event;
	struct peer breaker, holder;
	char path[PATH_LEN];
	struct change c;
	int clone = make_clone(_metadata, self, path), lease;
	uint32_t id;
	long theirs;

	if (clone < 0)
		SKIP(return, "not on this filesystem");
	c = clone_to(self, path);
	ASSERT_EQ(0, peer_start(&breaker));
	ASSERT_EQ(0, peer_start(&holder));
	ASSERT_EQ(0, peer_open(&holder, path));
	ASSERT_EQ(0, peer_call(&holder, actor_acquire_breakable, &range, sizeof(range)));
	theirs = peer_pin(&holder, PINNED, 1, TESTDEV_PIN_WRITE);
	ASSERT_LE(0, theirs);
	lease = peer_get_fd(&holder, peer_call(&holder, actor_lease_fd, NULL, 0));
	ASSERT_LE(0, lease);
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, BREAK_NEVER_MS));
	ASSERT_EQ(0, pin_pages(PINNED, PAGES, TESTDEV_PIN_WRITE, &id));

	/* One after the other: the source first. */
	ASSERT_EQ(0, peer_post(&breaker, change_reflink_from, &c, sizeof(c)));
	ASSERT_EQ(0, event_wait(self->lease, DAXLEASE_EVENT_BREAK, &event));
	EXPECT_FALSE(event_pending(lease));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	ASSERT_EQ(0, event_wait(lease, DAXLEASE_EVENT_BREAK, &event));
	/* The first one stays shut out until both are done. */
	EXPECT_EQ(-EAGAIN, pin_pages(PINNED, PAGES, TESTDEV_PIN_WRITE, &id));
	EXPECT_FALSE(peer_has_result(&breaker));
	ASSERT_EQ(0, peer_unpin(&holder, theirs));
	EXPECT_EQ(0, peer_result(&breaker, NULL, 0));
	ASSERT_EQ(0, event_wait(self->lease, DAXLEASE_EVENT_RESUMED, &event));
	ASSERT_EQ(0, event_wait(lease, DAXLEASE_EVENT_RESUMED, &event));
	EXPECT_EQ(1, file_matches(clone, PINNED * PAGE_SZ, PAGES * PAGE_SZ, FILE_SEED));
	peer_stop(&holder);
	peer_stop(&breaker);
	close(lease);
}

/* The lease of the second file is acquired while the first one is waited for. */
TEST_F(dax, leased_meanwhile)
{
	struct daxlease_event event;
	char path[PATH_LEN], *map;
	struct peer breaker;
	struct change c;
	int clone = make_clone(_metadata, self, path), lease;
	uint32_t id, other;

	if (clone < 0)
		SKIP(return, "not on this filesystem");
	c = clone_to(self, path);
	map = file_map(clone, FILE_SIZE, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, peer_start(&breaker));
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, BREAK_NEVER_MS));
	ASSERT_EQ(0, pin_pages(PINNED, PAGES, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, peer_post(&breaker, change_reflink_from, &c, sizeof(c)));
	ASSERT_EQ(0, event_wait(self->lease, DAXLEASE_EVENT_BREAK, &event));
	lease = lease_open();
	ASSERT_EQ(0, lease_acquire_breakable(lease, clone, 0, 0, BREAK_NEVER_MS));
	ASSERT_EQ(0, testdev_pin(self->dev, page_of(map, PINNED), 1, TESTDEV_PIN_WRITE, &other));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	ASSERT_EQ(0, event_wait(lease, DAXLEASE_EVENT_BREAK, &event));
	EXPECT_FALSE(peer_has_result(&breaker));
	ASSERT_EQ(0, testdev_write(self->dev, other, 0, "w", 1));
	ASSERT_EQ(0, testdev_unpin(self->dev, other));
	EXPECT_EQ(0, peer_result(&breaker, NULL, 0));
	EXPECT_EQ(1, file_matches(clone, PINNED * PAGE_SZ, PAGES * PAGE_SZ, FILE_SEED));
	peer_stop(&breaker);
}

TEST_HARNESS_MAIN
