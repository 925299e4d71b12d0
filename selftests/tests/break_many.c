// SPDX-License-Identifier: GPL-2.0
/* Breakable leases with several breakers, holders and leases, and their ends. */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "event.h"

#define PINNED		4
#define SHORT_MS	100

static struct change punch_at(struct dax_test *self, unsigned long page)
{
	return change_of(self->path, NULL, page * PAGE_SZ, PAGE_SZ);
}

static void take(struct __test_metadata *_metadata, struct dax_test *self, uint32_t ms,
		 uint32_t *id)
{
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, ms));
	ASSERT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, id));
}

static uint32_t breaking(struct dax_test *self)
{
	struct lease_view view;
	struct stat st;

	if (fstat(self->fd, &st) || lease_view_ino(self->lease, st.st_ino, &view) != 1)
		return UINT32_MAX;
	return view.lease.breaking;
}

/* Two BREAK events, and when both are over two RESUMED ones with their numbers. */
TEST_F(dax, several_breakers)
{
	struct change c = punch_at(self, PINNED);
	struct daxlease_event one, two, end[2];
	struct peer peer[2];
	uint32_t id, more;

	ASSERT_EQ(0, peer_start(&peer[0]));
	ASSERT_EQ(0, peer_start(&peer[1]));
	take(_metadata, self, BREAK_NEVER_MS, &id);
	ASSERT_EQ(0, peer_post(&peer[0], change_punch, &c, sizeof(c)));
	ASSERT_EQ(0, event_next(self->lease, &one));
	EXPECT_EQ(1, breaking(self));
	ASSERT_EQ(0, peer_post(&peer[1], change_punch, &c, sizeof(c)));
	ASSERT_EQ(0, event_next(self->lease, &two));
	EXPECT_EQ(2, breaking(self));
	EXPECT_EQ(DAXLEASE_EVENT_BREAK, one.type);
	EXPECT_EQ(DAXLEASE_EVENT_BREAK, two.type);
	EXPECT_NE(one.break_id, two.break_id);

	/* One gives up; pins stay shut out for the other one. */
	peer_kill(&peer[0]);
	ASSERT_EQ(0, event_next(self->lease, &end[0]));
	EXPECT_EQ(DAXLEASE_EVENT_RESUMED, end[0].type);
	EXPECT_EQ(one.break_id, end[0].break_id);
	EXPECT_EQ(1, breaking(self));
	EXPECT_EQ(-EAGAIN, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &more));

	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, peer_result(&peer[1], NULL, 0));
	ASSERT_EQ(0, event_wait(self->lease, DAXLEASE_EVENT_RESUMED, &end[1]));
	EXPECT_EQ(two.break_id, end[1].break_id);
	EXPECT_EQ(0, end[1].outcome);
	EXPECT_EQ(0, breaking(self));
	peer_stop(&peer[1]);
}

TEST_F(dax, the_holder_itself)
{
	struct change c = punch_at(self, PINNED), beside = punch_at(self, PINNED + 1);
	uint32_t id;

	take(_metadata, self, BREAK_NEVER_MS, &id);
	EXPECT_EQ(-EDEADLK, change_punch(&c));
	EXPECT_EQ(0, change_punch(&beside));
	EXPECT_FALSE(event_pending(self->lease));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, change_punch(&c));
}

/* Nobody waits for itself, whoever else stands in the way. */
TEST_F(dax, the_holder_beside_another_one)
{
	struct change c = change_of(self->path, NULL, PINNED * PAGE_SZ, 2 * PAGE_SZ);
	struct change theirs = punch_at(self, PINNED + 1);
	struct peer peer;
	uint32_t id;

	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_open(&peer, self->path));
	ASSERT_EQ(0, peer_call(&peer, actor_acquire_breakable,
			       &(struct actor_range){ .arg = SHORT_MS },
			       sizeof(struct actor_range)));
	ASSERT_LE(0, peer_pin(&peer, PINNED + 1, 1, TESTDEV_PIN_WRITE));
	take(_metadata, self, BREAK_NEVER_MS, &id);
	EXPECT_EQ(-EDEADLK, change_punch(&c));
	/* It is the other one that is asked here, in vain. */
	EXPECT_EQ(-ETXTBSY, change_punch(&theirs));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	peer_stop(&peer);
}

TEST_F(dax, exclusive_beside_breakable)
{
	struct change c = punch_at(self, PINNED);
	uint32_t id;
	int other;

	take(_metadata, self, BREAK_NEVER_MS, &id);
	other = lease_take(self->fd);
	ASSERT_LE(0, other);
	/* The strictest decides, at once. */
	EXPECT_EQ(-ETXTBSY, in_child(change_punch, &c, sizeof(c)));
	EXPECT_FALSE(event_pending(self->lease));
	EXPECT_FALSE(event_pending(other));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(-ETXTBSY, in_child(change_punch, &c, sizeof(c)));
	ASSERT_EQ(0, lease_release(other));
	EXPECT_EQ(0, in_child(change_punch, &c, sizeof(c)));
}

/* All breakable leases over the range are told, pinned or not, and no others. */
TEST_F(dax, who_is_told)
{
	struct change c = punch_at(self, PINNED);
	struct daxlease_event event;
	struct peer breaker;
	uint32_t id;
	int beside, over;

	ASSERT_EQ(0, peer_start(&breaker));
	beside = lease_open();
	over = lease_open();
	ASSERT_EQ(0, lease_acquire_breakable(beside, self->fd, 8 * PAGE_SZ, 0, 1));
	ASSERT_EQ(0, lease_acquire_breakable(over, self->fd, 0, 8 * PAGE_SZ, 1));
	take(_metadata, self, BREAK_NEVER_MS, &id);
	ASSERT_EQ(0, peer_post(&breaker, change_punch, &c, sizeof(c)));
	ASSERT_EQ(0, event_next(self->lease, &event));
	ASSERT_EQ(0, event_next(over, &event));
	EXPECT_EQ(DAXLEASE_EVENT_BREAK, event.type);
	/* Its time is over soon, but it has no pins. */
	EXPECT_EQ(1000000, event.deadline_ns - event.time_ns);
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, peer_result(&breaker, NULL, 0));
	ASSERT_EQ(0, event_next(over, &event));
	EXPECT_EQ(DAXLEASE_EVENT_RESUMED, event.type);
	EXPECT_FALSE(event_pending(beside));
	peer_stop(&breaker);
}

TEST_F(dax, nothing_new_while_breaking)
{
	struct change c = punch_at(self, PINNED);
	struct daxlease_event event;
	struct peer breaker;
	uint32_t id;
	int other = lease_open();

	ASSERT_EQ(0, peer_start(&breaker));
	take(_metadata, self, BREAK_NEVER_MS, &id);
	ASSERT_EQ(0, peer_post(&breaker, change_punch, &c, sizeof(c)));
	ASSERT_EQ(0, event_next(self->lease, &event));
	/* Of either kind over the range; elsewhere there may be both. */
	EXPECT_EQ(-EAGAIN, lease_acquire(other, self->fd, 0, 0, NULL));
	EXPECT_EQ(-EAGAIN, lease_acquire_breakable(other, self->fd, 0, 0, 0));
	ASSERT_EQ(0, lease_acquire(other, self->fd, 8 * PAGE_SZ, 0, NULL));
	ASSERT_EQ(0, pin_pages(9, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	peer_kill(&breaker);
	ASSERT_EQ(0, event_next(self->lease, &event));
	ASSERT_EQ(0, lease_release(other));
	EXPECT_EQ(0, lease_acquire(other, self->fd, 0, 0, NULL));
}

/* The pins of a holder that dies go with its files, and the change goes on. */
TEST_F(dax, the_holder_dies)
{
	struct change c = punch_at(self, PINNED);
	struct peer holder, breaker;
	struct stat st;
	struct lease_view view;

	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(0, peer_start(&breaker));
	ASSERT_EQ(0, peer_start(&holder));
	ASSERT_EQ(0, peer_open(&holder, self->path));
	ASSERT_EQ(0, peer_call(&holder, actor_acquire_breakable,
			       &(struct actor_range){ .arg = BREAK_NEVER_MS },
			       sizeof(struct actor_range)));
	ASSERT_LE(0, peer_pin(&holder, PINNED, 1, TESTDEV_PIN_WRITE));
	ASSERT_EQ(0, peer_post(&breaker, change_punch, &c, sizeof(c)));
	while (lease_view_ino(self->lease, st.st_ino, &view) == 1 && !view.lease.breaking)
		usleep(1000);
	peer_kill(&holder);
	EXPECT_EQ(0, peer_result(&breaker, NULL, 0));
	peer_stop(&breaker);
}

/* Nobody can be asked any more; the pins still have the lease's time. */
TEST_F(dax, orphaned)
{
	struct change c = punch_at(self, PINNED);
	uint32_t id;

	take(_metadata, self, SHORT_MS, &id);
	close(self->lease);
	EXPECT_EQ(-ETXTBSY, in_child(change_punch, &c, sizeof(c)));
	EXPECT_EQ(-ETXTBSY, change_punch(&c));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, in_child(change_punch, &c, sizeof(c)));
}

TEST_F(dax, closed_while_breaking)
{
	struct change c = punch_at(self, PINNED);
	struct daxlease_event event;
	struct peer breaker;
	uint32_t id;

	ASSERT_EQ(0, peer_start(&breaker));
	take(_metadata, self, BREAK_NEVER_MS, &id);
	ASSERT_EQ(0, peer_post(&breaker, change_punch, &c, sizeof(c)));
	ASSERT_EQ(0, event_next(self->lease, &event));
	close(self->lease);
	EXPECT_FALSE(peer_has_result(&breaker));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, peer_result(&breaker, NULL, 0));
	peer_stop(&breaker);
}

/* Whoever gets the descriptor reads on. */
TEST_F(dax, passed_while_breaking)
{
	struct change c = punch_at(self, PINNED);
	struct daxlease_event event, end;
	struct peer holder, breaker;
	int lease;

	ASSERT_EQ(0, peer_start(&breaker));
	ASSERT_EQ(0, peer_start(&holder));
	ASSERT_EQ(0, peer_open(&holder, self->path));
	ASSERT_EQ(0, peer_call(&holder, actor_acquire_breakable,
			       &(struct actor_range){ .arg = BREAK_NEVER_MS },
			       sizeof(struct actor_range)));
	ASSERT_LE(0, peer_pin(&holder, PINNED, 1, TESTDEV_PIN_WRITE));
	lease = peer_get_fd(&holder, peer_call(&holder, actor_lease_fd, NULL, 0));
	ASSERT_LE(0, lease);
	ASSERT_EQ(0, peer_post(&breaker, change_punch, &c, sizeof(c)));
	ASSERT_EQ(0, event_next(lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_BREAK, event.type);
	/* The one who pinned goes, and the lease stays with its descriptor. */
	peer_kill(&holder);
	EXPECT_EQ(0, peer_result(&breaker, NULL, 0));
	ASSERT_EQ(0, event_wait(lease, DAXLEASE_EVENT_RESUMED, &end));
	EXPECT_EQ(event.break_id, end.break_id);
	EXPECT_EQ(0, end.outcome);
	/* A holder is who attaches; this one had the descriptor only. */
	EXPECT_EQ(0, lease_attach(lease));
	EXPECT_EQ(0, in_child(change_punch, &c, sizeof(c)));
	close(lease);
	peer_stop(&breaker);
}

static long release_in_peer(void *arg)
{
	(void)arg;
	return actor_release(NULL);
}

TEST_F(dax, released_while_breaking)
{
	struct change c = punch_at(self, PINNED);
	struct peer holder, breaker;
	struct daxlease_event event;
	int lease;
	long id;

	ASSERT_EQ(0, peer_start(&breaker));
	ASSERT_EQ(0, peer_start(&holder));
	ASSERT_EQ(0, peer_open(&holder, self->path));
	ASSERT_EQ(0, peer_call(&holder, actor_acquire_breakable,
			       &(struct actor_range){ .arg = BREAK_NEVER_MS },
			       sizeof(struct actor_range)));
	id = peer_pin(&holder, PINNED, 1, TESTDEV_PIN_WRITE);
	ASSERT_LE(0, id);
	lease = peer_get_fd(&holder, peer_call(&holder, actor_lease_fd, NULL, 0));
	ASSERT_LE(0, lease);
	ASSERT_EQ(0, peer_post(&breaker, change_punch, &c, sizeof(c)));
	ASSERT_EQ(0, event_next(lease, &event));
	ASSERT_EQ(0, peer_unpin(&holder, id));
	EXPECT_EQ(0, peer_call(&holder, release_in_peer, NULL, 0));
	EXPECT_EQ(0, peer_result(&breaker, NULL, 0));
	peer_stop(&holder);
	peer_stop(&breaker);
	close(lease);
}

TEST_HARNESS_MAIN
