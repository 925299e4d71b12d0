// SPDX-License-Identifier: GPL-2.0
/*
 * A change of two files waits for pins of the second one, with both unlocked:
 * what was found out about the first one must still be so when it goes on.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "event.h"

#define PINNED		4
#define SHORT_MS	100

struct second {
	char path[PATH_LEN];
	int fd;
	char *map;
	int lease;
	uint32_t id;
	struct change change;
	struct peer breaker;
};

/* A file with a pinned page, and somebody who exchanges blocks of the first with it. */
static void begin(struct __test_metadata *_metadata, struct dax_test *self, struct second *s,
		  uint32_t ms)
{
	struct daxlease_event event;

	other_path(s->path, "second");
	s->fd = file_create(s->path, FILE_SIZE, FILE_SEED + 1);
	ASSERT_LE(0, s->fd);
	s->map = file_map(s->fd, FILE_SIZE, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, s->map);
	s->lease = lease_open();
	ASSERT_EQ(0, lease_acquire_breakable(s->lease, s->fd, 0, 0, ms));
	ASSERT_EQ(0, testdev_pin(self->dev, page_of(s->map, PINNED), 1, TESTDEV_PIN_WRITE,
				 &s->id));
	ASSERT_EQ(0, peer_start(&s->breaker));
	s->change = change_of(self->path, s->path, PINNED * PAGE_SZ, PAGE_SZ);
	ASSERT_EQ(0, peer_post(&s->breaker, change_exchange_1, &s->change, sizeof(s->change)));
	ASSERT_EQ(0, event_next(s->lease, &event));
	ASSERT_EQ(DAXLEASE_EVENT_BREAK, event.type);
	EXPECT_EQ(DAXLEASE_REASON_EXCHANGE, event.reason);
}

#define begin_or_skip(s, ms) do {						\
	if (!variant->fs->reflink)						\
		SKIP(return, "no change of two files");				\
	begin(_metadata, self, s, ms);						\
} while (0)

/* However many leases come and go, the change is known of. */
TEST_F(dax, leases_of_the_first_one_go)
{
	struct second s;
	uint32_t id;

	if (variant->fs->reflink)
		ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, 0));
	begin_or_skip(&s, BREAK_NEVER_MS);
	ASSERT_EQ(0, lease_release(self->lease));
	EXPECT_EQ(-EAGAIN, lease_acquire_breakable(self->lease, self->fd, 0, 0, 0));
	EXPECT_EQ(-EAGAIN, lease_acquire(self->lease, self->fd, 0, 0, NULL));
	EXPECT_EQ(-EOPNOTSUPP, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &id));
	EXPECT_FALSE(peer_has_result(&s.breaker));
	ASSERT_EQ(0, testdev_unpin(self->dev, s.id));
	EXPECT_EQ(0, peer_result(&s.breaker, NULL, 0));
	EXPECT_EQ(0, lease_acquire(self->lease, self->fd, 0, 0, NULL));
	peer_stop(&s.breaker);
}

/* A file that nobody had leased is not known of: it is asked for again. */
TEST_F(dax, the_first_one_is_leased_meanwhile)
{
	struct daxlease_event event;
	struct second s;
	uint32_t id;

	begin_or_skip(&s, BREAK_NEVER_MS);
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, BREAK_NEVER_MS));
	ASSERT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, testdev_unpin(self->dev, s.id));
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_BREAK, event.type);
	EXPECT_FALSE(peer_has_result(&s.breaker));
	/* The other one is shut meanwhile. */
	EXPECT_EQ(-EAGAIN, testdev_pin(self->dev, page_of(s.map, PINNED), 1, TESTDEV_PIN_WRITE,
				       &s.id));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, peer_result(&s.breaker, NULL, 0));
	EXPECT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &id));
	EXPECT_EQ(0, testdev_pin(self->dev, page_of(s.map, PINNED), 1, TESTDEV_PIN_WRITE, &s.id));
	peer_stop(&s.breaker);
}

/* It comes to nothing: neither file is shut any more. */
TEST_F(dax, the_second_one_stays_pinned)
{
	struct second s;
	uint32_t id;

	if (variant->fs->reflink)
		ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, 0));
	begin_or_skip(&s, SHORT_MS);
	EXPECT_EQ(-ETXTBSY, peer_result(&s.breaker, NULL, 0));
	EXPECT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &id));
	EXPECT_FALSE(event_pending(self->lease));
	EXPECT_EQ(0, lease_acquire_breakable(lease_open(), s.fd, 0, 0, 0));
	peer_stop(&s.breaker);
}

TEST_HARNESS_MAIN
