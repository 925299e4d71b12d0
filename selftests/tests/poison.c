// SPDX-License-Identifier: GPL-2.0
/*
 * A page fails under a pin: who has it mapped is told by SIGBUS, as of any memory,
 * and the pin stays, as that of any memory does.  The accounts do not change, nor
 * does what they refuse.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "event.h"
#include "huge_file.h"
#include "poison.h"

#define PINNED		4

static long fails(const char *path, off_t off)
{
	struct poison poison = poison_of(path, off);

	return in_child(poison_page, &poison, sizeof(poison));
}

static long others_punch(const char *path, unsigned long page)
{
	struct change c = change_of(path, NULL, page * PAGE_SZ, PAGE_SZ);

	return in_child(change_punch, &c, sizeof(c));
}

static long punch(const char *path, unsigned long page)
{
	struct change c = change_of(path, NULL, page * PAGE_SZ, PAGE_SZ);

	return change_punch(&c);
}

TEST_F(dax, the_pin_stays)
{
	char page[PAGE_SZ];
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(PINNED, 2, TESTDEV_PIN_WRITE | TESTDEV_PIN_REVOCABLE, &id));
	ASSERT_EQ(0, fails(self->path, PINNED * PAGE_SZ));

	EXPECT_FALSE(event_pending(self->lease));
	EXPECT_EQ(2, lease_pinned_pages());
	memset(page, 0x5a, PAGE_SZ);
	EXPECT_EQ(0, testdev_write(self->dev, id, 0, page, PAGE_SZ));
	EXPECT_EQ(0, testdev_write(self->dev, id, PAGE_SZ, page, PAGE_SZ));
	memset(page, 0, PAGE_SZ);
	EXPECT_EQ(0, testdev_read(self->dev, id, 0, page, PAGE_SZ));
	EXPECT_EQ(0x5a, page[PAGE_SZ - 1]);
	/* It is still the file's page that the device has. */
	memset(page, 0, PAGE_SZ);
	EXPECT_EQ(PAGE_SZ, pread(self->fd, page, PAGE_SZ, PINNED * PAGE_SZ));
	EXPECT_EQ(0x5a, page[PAGE_SZ - 1]);
	EXPECT_EQ(0, fsync(self->fd));

	EXPECT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, lease_pinned_pages());
	EXPECT_EQ(0, punch(self->path, PINNED));
	EXPECT_EQ(0, ftruncate(self->fd, 0));
}

TEST_F(dax, layout_changes_are_judged_as_before)
{
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(PINNED, 2, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, fails(self->path, PINNED * PAGE_SZ));
	ASSERT_EQ(0, fails(self->path, 9 * PAGE_SZ));

	EXPECT_EQ(-ETXTBSY, others_punch(self->path, PINNED));
	EXPECT_EQ(-ETXTBSY, others_punch(self->path, 9));
	EXPECT_EQ(-EDEADLK, punch(self->path, PINNED));
	EXPECT_EQ(-1, ftruncate(self->fd, 0));
	EXPECT_EQ(EDEADLK, errno);
	EXPECT_EQ(0, punch(self->path, 9));

	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, punch(self->path, PINNED));
	ASSERT_EQ(0, lease_release(self->lease));
	EXPECT_EQ(0, others_punch(self->path, 0));
	EXPECT_EQ(0, ftruncate(self->fd, 0));
}

/* A pin for reading has no dirty tag to keep its entry. */
TEST_F(dax, a_clean_page)
{
	char page[PAGE_SZ];
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(PINNED, 1, 0, &id));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, fails(self->path, PINNED * PAGE_SZ));
	ASSERT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, testdev_read(self->dev, id, 0, page, PAGE_SZ));
	EXPECT_TRUE(pattern_match(page, PAGE_SZ, PINNED * PAGE_SZ, FILE_SEED));
	EXPECT_EQ(-EDEADLK, punch(self->path, PINNED));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, punch(self->path, PINNED));
}

TEST_F(dax, a_part_of_a_huge_folio)
{
	struct lease_view view;
	struct stat st;
	struct huge h;
	uint32_t id;

	if (!prepare(_metadata, self, &h))
		SKIP(return, "no aligned 2 MiB of blocks");
	ASSERT_EQ(0, lease_acquire(self->lease, h.fd, 0, 0, NULL));
	ASSERT_EQ(0, testdev_pin(self->dev, page_of(h.map, 7), 1, TESTDEV_PIN_WRITE, &id));
	/* Without a reverse map the kernel looks for those who have the first page mapped. */
	ASSERT_EQ(0, fails(h.path, h.off));
	if (variant->fs != &fs_ext4) {
		ASSERT_EQ(0, fails(h.path, h.off + 200 * PAGE_SZ));
		ASSERT_EQ(0, fails(h.path, h.off + 7 * PAGE_SZ));
	}
	ASSERT_EQ(0, fstat(h.fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	if (view.lease.pinned_pages == 1)
		SKIP(return, "the kernel did not map a 2 MiB folio");
	EXPECT_EQ(HUGE_PAGES, view.lease.pinned_pages);
	EXPECT_EQ(0, testdev_write(self->dev, id, 0, "w", 1));
	EXPECT_EQ('w', page_of(h.map, 7)[0]);
	EXPECT_EQ(-ETXTBSY, others_punch(h.path, h.off / PAGE_SZ + 200));
	EXPECT_EQ(-EDEADLK, punch(h.path, h.off / PAGE_SZ + 200));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, punch(h.path, h.off / PAGE_SZ + 200));
	EXPECT_EQ(0, ftruncate(h.fd, 0));
}

/* Taken back by a layout change, at the deadline, as without the failure. */
TEST_F(dax, a_breakable_lease)
{
	struct daxlease_event event;
	uint32_t id;

	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, BREAK_MS));
	ASSERT_EQ(0, pin_pages(PINNED, 2, TESTDEV_PIN_WRITE | TESTDEV_PIN_REVOCABLE, &id));
	ASSERT_EQ(0, fails(self->path, PINNED * PAGE_SZ));
	ASSERT_EQ(0, others_punch(self->path, PINNED));
	EXPECT_EQ(0, event_wait(self->lease, DAXLEASE_EVENT_REVOKED, &event));
	EXPECT_EQ(DAXLEASE_REASON_PUNCH_HOLE, event.reason);
	EXPECT_EQ(-EKEYREVOKED, testdev_write(self->dev, id, 0, "w", 1));
	EXPECT_EQ(1, file_is_zero(self->fd, PINNED * PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(0, testdev_unpin(self->dev, id));
}

static long fails_under_me(void *map)
{
	return poison_mapped(page_of(*(char **)map, PINNED));
}

static long map_of(void *path)
{
	int fd = open(path, O_RDWR);

	return fd < 0 ? -errno : (long)file_map(fd, FILE_SIZE, PROT_READ | PROT_WRITE);
}

/* A holder that has no handler for SIGBUS dies of it, and its pins with it. */
TEST_F(dax, the_holder_dies_of_it)
{
	struct peer holder;
	long map;

	ASSERT_EQ(0, peer_start(&holder));
	ASSERT_EQ(0, peer_open(&holder, self->path));
	ASSERT_EQ(0, peer_acquire(&holder, 0, 0));
	ASSERT_LE(0, peer_pin(&holder, PINNED, 2, TESTDEV_PIN_WRITE));
	map = peer_call(&holder, map_of, self->path, sizeof(self->path));
	ASSERT_LT(0, map);
	EXPECT_EQ(-ETXTBSY, others_punch(self->path, PINNED));
	EXPECT_EQ(-ECONNRESET, peer_call(&holder, fails_under_me, &map, sizeof(map)));
	peer_kill(&holder);
	EXPECT_TRUE(wait_leases(0, 0));
	EXPECT_EQ(0, others_punch(self->path, PINNED));
	EXPECT_EQ(0, ftruncate(self->fd, 0));
}

/* The file is gone, its page is not, until it is unpinned. */
TEST_F(dax, an_unlinked_file)
{
	char byte = 0;
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(PINNED, 2, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, fails(self->path, PINNED * PAGE_SZ));
	ASSERT_EQ(0, unlink(self->path));
	ASSERT_EQ(0, munmap(self->map, FILE_SIZE));
	close(self->fd);
	close(self->lease);
	EXPECT_EQ(0, testdev_write(self->dev, id, 0, "u", 1));
	EXPECT_EQ(0, testdev_read(self->dev, id, 0, &byte, 1));
	EXPECT_EQ('u', byte);
	EXPECT_EQ(0, testdev_unpin(self->dev, id));
}

TEST_HARNESS_MAIN
