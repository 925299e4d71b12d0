// SPDX-License-Identifier: GPL-2.0
/* A pin under a breakable lease that reaches beyond it, as its folio is large. */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "event.h"
#include "huge_file.h"

/* The lease's only page, and one that its pin holds, too. */
#define LEASED		7
#define BESIDE		100

static bool pin_the_folio(struct __test_metadata *_metadata, struct dax_test *self,
			  struct huge *h, uint32_t flags, uint32_t ms, uint32_t *id)
{
	if (!prepare(_metadata, self, h))
		return false;
	EXPECT_EQ(0, lease_acquire_breakable(self->lease, h->fd, h->off + LEASED * PAGE_SZ,
					     PAGE_SZ, ms));
	EXPECT_EQ(0, testdev_pin(self->dev, page_of(h->map, LEASED), 1,
				 TESTDEV_PIN_WRITE | flags, id));
	return lease_pinned_pages() == HUGE_PAGES;
}

TEST_F(dax, the_holder_is_told)
{
	struct daxlease_event event, end;
	struct peer breaker;
	struct change c;
	struct huge h;
	uint32_t id;

	ASSERT_EQ(0, peer_start(&breaker));
	if (!pin_the_folio(_metadata, self, &h, 0, BREAK_NEVER_MS, &id))
		SKIP(return, "no folio of 2 MiB");
	c = change_of(h.path, NULL, h.off + BESIDE * PAGE_SZ, PAGE_SZ);
	ASSERT_EQ(0, peer_post(&breaker, change_punch, &c, sizeof(c)));
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_BREAK, event.type);
	EXPECT_EQ(h.off + BESIDE * PAGE_SZ, event.start);
	EXPECT_EQ(h.off + (BESIDE + 1) * PAGE_SZ, event.end);
	EXPECT_FALSE(peer_has_result(&breaker));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, peer_result(&breaker, NULL, 0));
	ASSERT_EQ(0, event_wait(self->lease, DAXLEASE_EVENT_RESUMED, &end));
	EXPECT_EQ(event.break_id, end.break_id);
	EXPECT_EQ(0, end.outcome);
	peer_stop(&breaker);
}

TEST_F(dax, and_has_its_time)
{
	struct daxlease_event event;
	struct change c;
	struct huge h;
	uint32_t id;

	if (!pin_the_folio(_metadata, self, &h, 0, 100, &id))
		SKIP(return, "no folio of 2 MiB");
	c = change_of(h.path, NULL, h.off + BESIDE * PAGE_SZ, PAGE_SZ);
	EXPECT_EQ(-ETXTBSY, in_child(change_punch, &c, sizeof(c)));
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_BREAK, event.type);
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_RESUMED, event.type);
	EXPECT_EQ(ETXTBSY, event.outcome);
	/* What is behind the folio is nobody's. */
	c = change_of(h.path, NULL, h.off + HUGE_SZ, PAGE_SZ);
	EXPECT_EQ(0, in_child(change_punch, &c, sizeof(c)));
	EXPECT_FALSE(event_pending(self->lease));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
}

TEST_F(dax, and_its_pin_is_taken_back)
{
	struct daxlease_event event;
	struct change c;
	struct huge h;
	uint32_t id;

	if (!pin_the_folio(_metadata, self, &h, TESTDEV_PIN_REVOCABLE, 100, &id))
		SKIP(return, "no folio of 2 MiB");
	c = change_of(h.path, NULL, h.off + BESIDE * PAGE_SZ, PAGE_SZ);
	EXPECT_EQ(0, in_child(change_punch, &c, sizeof(c)));
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_BREAK, event.type);
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_REVOKED, event.type);
	EXPECT_EQ(h.off, event.start);
	EXPECT_EQ(h.off + HUGE_SZ, event.end);
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
}

TEST_HARNESS_MAIN
