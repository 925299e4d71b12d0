// SPDX-License-Identifier: GPL-2.0
/*
 * A pin of one page of a 2 MiB folio makes all of it immovable; the account and
 * the verdicts are by folio.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "huge_file.h"

#include <linux/falloc.h>

/* Pins one page; false where its folio is no larger. */
static bool pin_one(struct __test_metadata *_metadata, struct dax_test *self,
		    struct huge *h, unsigned long page, uint32_t *id)
{
	struct lease_view view;
	struct stat st;

	ASSERT_EQ(0, testdev_pin(self->dev, page_of(h->map, page), 1, TESTDEV_PIN_WRITE, id));
	ASSERT_EQ(0, fstat(h->fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	ASSERT_EQ(1, view.pins);
	if (view.pin[0].pages == 1)
		return false;
	EXPECT_EQ(HUGE_PAGES, view.pin[0].pages);
	EXPECT_EQ(HUGE_PAGES, view.lease.pinned_pages);
	EXPECT_EQ(h->off, view.pin[0].start);
	EXPECT_EQ(h->off + HUGE_SZ, view.pin[0].end);
	return true;
}

#define huge_or_skip(h, page, id, lease_off, lease_len) do {			\
	if (!prepare(_metadata, self, h))					\
		SKIP(return, "no aligned 2 MiB of blocks");			\
	ASSERT_EQ(0, lease_acquire(self->lease, (h)->fd, lease_off, lease_len,	\
				   NULL));					\
	if (!pin_one(_metadata, self, h, page, id))				\
		SKIP(return, "the kernel did not map a 2 MiB folio");		\
} while (0)

static long other(struct huge *h, peer_fn fn, off_t off, off_t len)
{
	struct change c = change_of(h->path, NULL, off, len);

	return in_child(fn, &c, sizeof(c));
}

TEST_F(dax, all_of_the_folio_is_immovable)
{
	char page[PAGE_SZ];
	struct huge h;
	uint32_t id;

	huge_or_skip(&h, 7, &id, 0, 0);
	EXPECT_EQ(-ETXTBSY, other(&h, change_punch, h.off, PAGE_SZ));
	/* The holder's own changes, at both ends and next to them. */
	EXPECT_EQ(-1, fallocate(h.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				h.off + HUGE_SZ - PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(EDEADLK, errno);
	EXPECT_EQ(-1, fallocate(h.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				h.off, PAGE_SZ));
	EXPECT_EQ(EDEADLK, errno);
	EXPECT_EQ(0, fallocate(h.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       h.off + HUGE_SZ, PAGE_SZ));
	memset(page, 0x5a, PAGE_SZ);
	EXPECT_EQ(0, testdev_write(self->dev, id, 0, page, PAGE_SZ));
	EXPECT_EQ(0x5a, page_of(h.map, 7)[9]);
	EXPECT_EQ(1, file_matches(h.fd, h.off, 7 * PAGE_SZ, FILE_SEED));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, lease_pinned_pages());
	EXPECT_EQ(0, ftruncate(h.fd, h.off + PAGE_SZ));
}

/* The lease covers a part of the folio; the pin protects the whole. */
TEST_F(dax, lease_of_a_part_of_the_folio)
{
	struct huge h;
	uint32_t id;

	if (!prepare(_metadata, self, &h))
		SKIP(return, "no aligned 2 MiB of blocks");
	ASSERT_EQ(0, lease_acquire(self->lease, h.fd, h.off, 16 * PAGE_SZ, NULL));
	if (!pin_one(_metadata, self, &h, 7, &id))
		SKIP(return, "the kernel did not map a 2 MiB folio");
	EXPECT_EQ(-ETXTBSY, other(&h, change_punch, h.off + 2 * PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(-ETXTBSY, other(&h, change_punch, h.off + HUGE_SZ - PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(-ETXTBSY, other(&h, change_truncate, h.off + 100 * PAGE_SZ, 0));
	/* In the holder's way stand but its own pins, there too. */
	EXPECT_EQ(-1, ftruncate(h.fd, h.off + 100 * PAGE_SZ));
	EXPECT_EQ(EDEADLK, errno);
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(-ETXTBSY, other(&h, change_punch, h.off + 2 * PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(0, other(&h, change_punch, h.off + HUGE_SZ - PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(0, other(&h, change_truncate, h.off + 100 * PAGE_SZ, 0));
}

/* A lease of one's own, beside somebody else's pin of the same folio. */
TEST_F(dax, folio_of_two_holders)
{
	struct peer peer;
	struct change c;
	struct huge h;
	uint32_t id;

	if (!prepare(_metadata, self, &h))
		SKIP(return, "no aligned 2 MiB of blocks");
	ASSERT_EQ(0, lease_acquire(self->lease, h.fd, h.off, 16 * PAGE_SZ, NULL));
	if (!pin_one(_metadata, self, &h, 7, &id))
		SKIP(return, "the kernel did not map a 2 MiB folio");
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_open(&peer, h.path));
	ASSERT_EQ(0, peer_acquire(&peer, h.off + 16 * PAGE_SZ, 16 * PAGE_SZ));
	c = change_of(h.path, NULL, h.off + 20 * PAGE_SZ, PAGE_SZ);
	EXPECT_EQ(-ETXTBSY, peer_call(&peer, change_punch, &c, sizeof(c)));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, peer_call(&peer, change_punch, &c, sizeof(c)));
	peer_stop(&peer);
}

/* Beside a folio that is held, a change behind it does not wait for it. */
TEST_F(dax, changes_behind_the_folio_do_not_wait)
{
	struct huge h;
	uint32_t id;

	if (!prepare(_metadata, self, &h))
		SKIP(return, "no aligned 2 MiB of blocks");
	ASSERT_EQ(0, lease_acquire(self->lease, h.fd, h.off, HUGE_SZ, NULL));
	if (!pin_one(_metadata, self, &h, HUGE_PAGES - 1, &id))
		SKIP(return, "the kernel did not map a 2 MiB folio");
	EXPECT_EQ(0, other(&h, change_allocate, h.off + HUGE_SZ, 4 * PAGE_SZ));
	EXPECT_EQ(0, other(&h, change_punch, h.off + HUGE_SZ, PAGE_SZ));
	EXPECT_EQ(0, other(&h, change_truncate, h.off + HUGE_SZ, 0));
	EXPECT_EQ(0, other(&h, change_append, 0, PAGE_SZ));
}

TEST_F(dax, pin_across_the_folio_and_pages)
{
	struct lease_view view;
	struct stat st;
	struct huge h;
	uint32_t id, id2;

	huge_or_skip(&h, 0, &id, 0, 0);
	ASSERT_EQ(0, fstat(h.fd, &st));
	ASSERT_EQ(0, testdev_pin(self->dev, h.map, HUGE_PAGES, TESTDEV_PIN_WRITE, &id2));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	EXPECT_EQ(2, view.pins);
	EXPECT_EQ(h.off, view.pin[1].start);
	EXPECT_EQ(h.off + HUGE_SZ, view.pin[1].end);
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(-ETXTBSY, other(&h, change_punch, h.off, PAGE_SZ));
	ASSERT_EQ(0, testdev_unpin(self->dev, id2));
	EXPECT_EQ(0, lease_pinned_pages());
}

TEST_HARNESS_MAIN
