// SPDX-License-Identifier: GPL-2.0
/*
 * Which pins are taken back, and when: those under a breakable lease, when its
 * time is over, where nothing is in the way that cannot be taken back.  What
 * has been taken back is of no use any more, and everybody hears of it.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "event.h"

#define REVOCABLE	(TESTDEV_PIN_WRITE | TESTDEV_PIN_REVOCABLE)

static void acquire(struct __test_metadata *_metadata, struct dax_test *self)
{
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, BREAK_MS));
}

static long punch(struct dax_test *self, unsigned long page, unsigned long pages)
{
	struct change c = change_of(self->path, NULL, page * PAGE_SZ, pages * PAGE_SZ);

	return in_child(change_punch, &c, sizeof(c));
}

/* Does the device still reach its pages?  0 or -errno. */
static int use(struct dax_test *self, uint32_t id)
{
	char byte = 'x';
	int ret;

	ret = testdev_write(self->dev, id, 0, &byte, 1);
	return ret ? ret : testdev_read(self->dev, id, 0, &byte, 1);
}

static uint64_t revoked_ever(void)
{
	struct daxlease_stats stats;

	return lease_stats(&stats) ? ~0ULL : stats.revoked;
}

TEST_F(dax, at_the_deadline)
{
	uint64_t before = revoked_ever();
	char buf[PAGE_SZ] = { 0 };
	uint32_t id;

	acquire(_metadata, self);
	ASSERT_EQ(0, pin_pages(0, 4, REVOCABLE, &id));
	ASSERT_EQ(0, use(self, id));
	EXPECT_EQ(0, punch(self, 2, 1));
	EXPECT_EQ(0, lease_pinned_pages());
	EXPECT_EQ(before + 1, revoked_ever());

	/* Of all pages, also where the file has not changed. */
	EXPECT_EQ(-EKEYREVOKED, testdev_write(self->dev, id, 0, buf, 1));
	EXPECT_EQ(-EKEYREVOKED, testdev_write(self->dev, id, 2 * PAGE_SZ, buf, PAGE_SZ));
	EXPECT_EQ(-EKEYREVOKED, testdev_read(self->dev, id, 0, buf, 1));
	EXPECT_EQ(1, file_is_zero(self->fd, 2 * PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(-ENOENT, testdev_unpin(self->dev, id));

	/* The lease is as it was. */
	ASSERT_EQ(0, pin_pages(0, 4, REVOCABLE, &id));
	EXPECT_EQ(0, use(self, id));
}

TEST_F(dax, what_the_holder_reads)
{
	struct daxlease_event event;
	struct lease_view view;
	uint64_t lease_id, break_id, pin_id;
	struct stat st;
	uint32_t id;

	acquire(_metadata, self);
	ASSERT_EQ(0, pin_pages(1, 3, REVOCABLE, &id));
	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	ASSERT_EQ(1, view.pins);
	EXPECT_EQ(DAXLEASE_PIN_WRITABLE | DAXLEASE_PIN_REVOCABLE, view.pin[0].flags);
	pin_id = view.pin[0].id;
	lease_id = view.lease.id;
	ASSERT_EQ(0, punch(self, 2, 8));

	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_BREAK, event.type);
	EXPECT_EQ(DAXLEASE_REASON_PUNCH_HOLE, event.reason);
	EXPECT_EQ(BREAK_MS * 1000000ULL, event.deadline_ns - event.time_ns);
	break_id = event.break_id;
	ASSERT_EQ(0, event_wait(self->lease, DAXLEASE_EVENT_REVOKED, &event));
	EXPECT_EQ(lease_id, event.lease_id);
	EXPECT_EQ(pin_id, event.pin_id);
	EXPECT_EQ(PAGE_SZ, event.start);
	EXPECT_EQ(4 * PAGE_SZ, event.end);
	EXPECT_EQ(DAXLEASE_REASON_PUNCH_HOLE, event.reason);
	ASSERT_EQ(0, event_wait(self->lease, DAXLEASE_EVENT_RESUMED, &event));
	EXPECT_EQ(break_id, event.break_id);
	EXPECT_EQ(0, event.outcome);

	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	EXPECT_EQ(0, view.pins);
	EXPECT_EQ(0, view.lease.breaking);
}

/* All or nothing: who must fail in the end does not do harm before. */
TEST_F(dax, none_where_one_cannot_be)
{
	uint64_t before = revoked_ever();
	struct daxlease_event event;
	uint32_t yes, no, late;

	acquire(_metadata, self);
	ASSERT_EQ(0, pin_pages(0, 4, REVOCABLE, &yes));
	ASSERT_EQ(0, pin_pages(2, 4, TESTDEV_PIN_WRITE, &no));
	ASSERT_EQ(0, pin_pages(3, 4, REVOCABLE, &late));
	EXPECT_EQ(-ETXTBSY, punch(self, 0, FILE_PAGES));
	EXPECT_EQ(before, revoked_ever());
	ASSERT_EQ(0, event_wait(self->lease, DAXLEASE_EVENT_RESUMED, &event));
	EXPECT_EQ(ETXTBSY, event.outcome);
	EXPECT_EQ(0, event_count(self->lease, DAXLEASE_EVENT_REVOKED));
	EXPECT_EQ(0, use(self, yes));
	EXPECT_EQ(0, use(self, no));
	EXPECT_EQ(0, use(self, late));

	ASSERT_EQ(0, testdev_unpin(self->dev, no));
	EXPECT_EQ(0, punch(self, 0, FILE_PAGES));
	EXPECT_EQ(2, event_count(self->lease, DAXLEASE_EVENT_REVOKED));
	EXPECT_EQ(-EKEYREVOKED, use(self, yes));
	EXPECT_EQ(-EKEYREVOKED, use(self, late));
	EXPECT_EQ(before + 2, revoked_ever());
}

TEST_F(dax, not_revocable_by_default)
{
	struct lease_view view;
	struct stat st;
	uint32_t id;

	acquire(_metadata, self);
	ASSERT_EQ(0, pin_pages(0, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	EXPECT_EQ(DAXLEASE_PIN_WRITABLE, view.pin[0].flags);
	EXPECT_EQ(-ETXTBSY, punch(self, 0, 1));
	EXPECT_EQ(0, use(self, id));
}

/* What is not in the way stays. */
TEST_F(dax, outside_of_the_range)
{
	uint32_t in, out, stays;

	acquire(_metadata, self);
	ASSERT_EQ(0, pin_pages(0, 4, REVOCABLE, &in));
	ASSERT_EQ(0, pin_pages(8, 4, REVOCABLE, &out));
	ASSERT_EQ(0, pin_pages(12, 4, TESTDEV_PIN_WRITE, &stays));
	EXPECT_EQ(0, punch(self, 3, 5));
	EXPECT_EQ(-EKEYREVOKED, use(self, in));
	EXPECT_EQ(0, use(self, out));
	EXPECT_EQ(0, use(self, stays));
	EXPECT_EQ(8, lease_pinned_pages());
}

TEST_F(dax, truncate_of_all)
{
	struct change c = change_of(self->path, NULL, 0, 0);
	uint32_t id;

	acquire(_metadata, self);
	ASSERT_EQ(0, pin_pages(0, FILE_PAGES, REVOCABLE, &id));
	EXPECT_EQ(0, in_child(change_truncate, &c, sizeof(c)));
	EXPECT_EQ(-EKEYREVOKED, use(self, id));
}

TEST_F(dax, not_before_the_deadline)
{
	struct change c = change_of(self->path, NULL, 0, PAGE_SZ);
	struct daxlease_event event;
	struct peer peer;
	uint32_t id;

	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, BREAK_NEVER_MS));
	ASSERT_EQ(0, pin_pages(0, 1, REVOCABLE, &id));
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_post(&peer, change_punch, &c, sizeof(c)));
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_BREAK, event.type);
	EXPECT_EQ(0, use(self, id));
	EXPECT_FALSE(peer_has_result(&peer));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, peer_result(&peer, NULL, 0));
	EXPECT_EQ(0, event_count(self->lease, DAXLEASE_EVENT_REVOKED));
	peer_stop(&peer);
}

/* Several holders, each with a lease and a device of its own. */
TEST_F(dax, several_owners)
{
	long ids[3];
	struct peer peers[3];
	struct change c = change_of(self->path, NULL, 0, PAGE_SZ);

	acquire(_metadata, self);
	for (int i = 0; i < 3; i++) {
		int fd;

		ASSERT_EQ(0, peer_start(&peers[i]));
		ASSERT_EQ(0, peer_open(&peers[i], self->path));
		fd = peer_give_fd(&peers[i], self->lease);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, peer_call(&peers[i], actor_use_lease, &fd, sizeof(fd)));
		ASSERT_EQ(0, peer_call(&peers[i], actor_attach, NULL, 0));
		ids[i] = peer_pin(&peers[i], 0, 4, REVOCABLE);
		ASSERT_LT(0, ids[i]);
	}
	EXPECT_EQ(0, in_child(change_truncate, &c, sizeof(c)));
	EXPECT_EQ(3, event_count(self->lease, DAXLEASE_EVENT_REVOKED));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(-EKEYREVOKED, peer_dma(&peers[i], ids[i], 0, 1, 'y'));
		peer_kill(&peers[i]);
	}
}

/* Two breakers at once need the pages taken back once. */
TEST_F(dax, two_breakers)
{
	struct change c[2] = {
		change_of(self->path, NULL, 0, PAGE_SZ),
		change_of(self->path, NULL, 2 * PAGE_SZ, PAGE_SZ),
	};
	uint64_t before = revoked_ever();
	struct peer peers[2];
	uint32_t id;

	acquire(_metadata, self);
	ASSERT_EQ(0, pin_pages(0, 4, REVOCABLE, &id));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, peer_start(&peers[i]));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, peer_post(&peers[i], change_punch, &c[i], sizeof(c[i])));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, peer_result(&peers[i], NULL, 0));
		peer_stop(&peers[i]);
	}
	EXPECT_EQ(before + 1, revoked_ever());
	EXPECT_EQ(-EKEYREVOKED, use(self, id));
}

TEST_F(dax, not_under_an_exclusive_lease)
{
	uint64_t before = revoked_ever();
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(0, 4, REVOCABLE, &id));
	EXPECT_EQ(-ETXTBSY, punch(self, 0, FILE_PAGES));
	EXPECT_EQ(0, use(self, id));
	EXPECT_EQ(before, revoked_ever());
	EXPECT_EQ(0, event_count(self->lease, DAXLEASE_EVENT_BREAK));
}

/* The stricter of two leases decides, so nobody is asked in vain. */
TEST_F(dax, not_beside_an_exclusive_lease)
{
	uint64_t before = revoked_ever();
	struct peer peer;
	uint32_t id;

	acquire(_metadata, self);
	ASSERT_EQ(0, pin_pages(0, 4, REVOCABLE, &id));
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_open(&peer, self->path));
	ASSERT_EQ(0, peer_acquire(&peer, 0, 0));
	EXPECT_EQ(-ETXTBSY, punch(self, 0, FILE_PAGES));
	EXPECT_EQ(0, event_count(self->lease, DAXLEASE_EVENT_BREAK));
	EXPECT_EQ(0, use(self, id));
	EXPECT_EQ(before, revoked_ever());
	peer_stop(&peer);

	EXPECT_EQ(0, punch(self, 0, FILE_PAGES));
	EXPECT_EQ(-EKEYREVOKED, use(self, id));
}

/* Memory that needs no lease is not taken back, whatever the flag says. */
TEST_F(dax, anonymous_memory)
{
	uint32_t id;
	char *anon;

	anon = mmap(NULL, PAGE_SZ, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, anon);
	ASSERT_EQ(0, testdev_pin(self->dev, anon, 1, REVOCABLE, &id));
	EXPECT_EQ(0, use(self, id));
	EXPECT_EQ(0, testdev_unpin(self->dev, id));
}

TEST_HARNESS_MAIN
