// SPDX-License-Identifier: GPL-2.0
/*
 * What the tracepoints tell of the life of a lease: which events, in which order,
 * and what their fields say.
 */
#include <sys/sysmacros.h>

#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "event.h"
#include "tracefs.h"

#define PINNED	4
#define FREE	10
#define SHORT_MS	100

struct tracing {
	struct tracefs fs;
	char text[1 << 16];
	const char *at;
	/* dev=, as every event of this file has it. */
	char dev[32];
	ino_t ino;
};

static struct tracing tracing;

/* All events of the test's file from now on. */
static void start(struct __test_metadata *_metadata, struct dax_test *self)
{
	char filter[64];
	struct stat st;

	ASSERT_EQ(0, fstat(self->fd, &st));
	tracing.ino = st.st_ino;
	snprintf(tracing.dev, sizeof(tracing.dev), "%u:%u", major(st.st_dev), minor(st.st_dev));
	snprintf(filter, sizeof(filter), "ino == %llu", (unsigned long long)st.st_ino);
	ASSERT_EQ(0, tracefs_open(&tracing.fs));
	ASSERT_EQ(0, tracefs_enable(&tracing.fs, "daxlease", filter));
}

static void take(struct __test_metadata *_metadata)
{
	ASSERT_LE(0, tracefs_take(&tracing.fs, tracing.text, sizeof(tracing.text)));
	tracing.at = tracing.text;
}

/* The next event is that one, of this file and the range, by the process. */
static struct trace_record next(struct __test_metadata *_metadata, const char *event, pid_t pid,
				uint64_t start, uint64_t end)
{
	struct trace_record r = {};

	ASSERT_TRUE(trace_next(&tracing.at, "daxlease", &r)) {
		TH_LOG("no %s behind: %s", event, tracing.text);
	}
	ASSERT_STREQ(event, r.event);
	EXPECT_TRUE(trace_is(&r, "dev", tracing.dev)) {
		TH_LOG("not dev=%s: %s", tracing.dev, r.fields);
	}
	EXPECT_EQ(tracing.ino, trace_number(&r, "ino"));
	EXPECT_EQ(pid, trace_number(&r, "pid"));
	EXPECT_TRUE(trace_is(&r, "comm", program_invocation_short_name));
	EXPECT_EQ(start, trace_number(&r, "start"));
	EXPECT_EQ(end, trace_number(&r, "end"));
	return r;
}

static void nothing_more(struct __test_metadata *_metadata)
{
	struct trace_record r;

	ASSERT_FALSE(trace_next(&tracing.at, "daxlease", &r)) {
		TH_LOG("unexpected: %s %s", r.event, r.fields);
	}
}

#define is(record, field, word)						\
	EXPECT_TRUE(trace_is(&(record), field, word)) {			\
		TH_LOG("not " field "=%s: %s", word, (record).fields);	\
	}

/* A verdict on a layout change. */
static void judged(struct __test_metadata *_metadata, uint64_t id, pid_t pid, uint64_t start,
		   uint64_t end, const char *verdict, int error)
{
	struct trace_record r;

	r = next(_metadata, "break_verdict", pid, start, end);
	EXPECT_EQ(id, trace_number(&r, "break_id"));
	is(r, "verdict", verdict);
	EXPECT_EQ(error, trace_number(&r, "error"));
}

/* A layout change, from its begin to its end. */
static void changed(struct __test_metadata *_metadata, const char *reason, pid_t pid,
		    uint64_t start, uint64_t end, const char *verdict, int error)
{
	struct trace_record r;
	uint64_t id;

	r = next(_metadata, "break_begin", pid, start, end);
	is(r, "reason", reason);
	id = trace_number(&r, "break_id");
	judged(_metadata, id, pid, start, end, verdict, error);
	r = next(_metadata, "break_end", pid, start, end);
	EXPECT_EQ(id, trace_number(&r, "break_id"));
	EXPECT_EQ(error, trace_number(&r, "outcome"));
}

TEST_F(dax, life_of_a_lease)
{
	struct change cut = change_of(self->path, self->path, 0, PAGE_SZ);
	struct change punch = change_of(self->path, self->path, FREE * PAGE_SZ, PAGE_SZ);
	const uint64_t infinity = DAXLEASE_TO_INFINITY;
	struct trace_record r;
	uint64_t lease_id, pin_id;
	struct peer peer;
	uint32_t id;

	start(_metadata, self);
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 0, 0, &lease_id));
	ASSERT_EQ(0, pin_pages(PINNED, 2, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(-ETXTBSY, peer_call(&peer, change_truncate, &cut, sizeof(cut)));
	ASSERT_EQ(-EDEADLK, change_truncate(&cut));
	ASSERT_EQ(0, change_punch(&punch));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	ASSERT_EQ(0, lease_release(self->lease));
	/* Without a lease there is nothing to tell. */
	ASSERT_EQ(0, peer_call(&peer, change_truncate, &cut, sizeof(cut)));

	take(_metadata);
	r = next(_metadata, "acquire", getpid(), 0, infinity);
	EXPECT_EQ(lease_id, trace_number(&r, "lease_id"));
	is(r, "mode", "exclusive");
	EXPECT_EQ(0, trace_number(&r, "break_time_ms"));

	r = next(_metadata, "pin", getpid(), PINNED * PAGE_SZ, (PINNED + 2) * PAGE_SZ);
	EXPECT_EQ(lease_id, trace_number(&r, "lease_id"));
	pin_id = trace_number(&r, "pin_id");
	EXPECT_LT(0, pin_id);
	EXPECT_EQ(2, trace_number(&r, "pages"));
	EXPECT_EQ(1, trace_number(&r, "write"));
	is(r, "kind", "other");
	is(r, "device", "testdev");

	changed(_metadata, "truncate", peer.pid, 0, infinity, "refuse", ETXTBSY);
	changed(_metadata, "truncate", getpid(), 0, infinity, "refuse", EDEADLK);
	changed(_metadata, "punch_hole", getpid(), FREE * PAGE_SZ, (FREE + 1) * PAGE_SZ, "go", 0);

	r = next(_metadata, "unpin", getpid(), PINNED * PAGE_SZ, (PINNED + 2) * PAGE_SZ);
	EXPECT_EQ(lease_id, trace_number(&r, "lease_id"));
	EXPECT_EQ(pin_id, trace_number(&r, "pin_id"));
	EXPECT_EQ(2, trace_number(&r, "pages"));
	is(r, "device", "testdev");

	r = next(_metadata, "release", getpid(), 0, infinity);
	EXPECT_EQ(lease_id, trace_number(&r, "lease_id"));
	is(r, "how", "released");
	nothing_more(_metadata);
	peer_stop(&peer);
	tracefs_close(&tracing.fs);
}

TEST_F(dax, attach_and_orphan)
{
	const uint64_t start_at = PAGE_SZ, end_at = 8 * PAGE_SZ;
	struct trace_record r;
	uint64_t lease_id;
	struct peer peer;
	pid_t other;
	uint32_t id;
	int fd;

	start(_metadata, self);
	ASSERT_EQ(0, peer_start(&peer));
	other = peer.pid;
	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, start_at, end_at - start_at, &lease_id));
	fd = peer_give_fd(&peer, self->lease);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, peer_call(&peer, actor_use_lease, &fd, sizeof(fd)));
	ASSERT_EQ(0, peer_call(&peer, actor_attach, NULL, 0));
	/* A holder already, so nothing happens. */
	ASSERT_EQ(0, peer_call(&peer, actor_attach, NULL, 0));
	ASSERT_EQ(0, pin_pages(PINNED, 1, 0, &id));
	ASSERT_EQ(0, peer_call(&peer, actor_close_lease, NULL, 0));
	ASSERT_EQ(0, close(self->lease));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	peer_stop(&peer);

	take(_metadata);
	r = next(_metadata, "acquire", getpid(), start_at, end_at);
	EXPECT_EQ(lease_id, trace_number(&r, "lease_id"));
	r = next(_metadata, "attach", other, start_at, end_at);
	EXPECT_EQ(lease_id, trace_number(&r, "lease_id"));
	r = next(_metadata, "pin", getpid(), PINNED * PAGE_SZ, (PINNED + 1) * PAGE_SZ);
	EXPECT_EQ(0, trace_number(&r, "write"));
	next(_metadata, "unpin", getpid(), PINNED * PAGE_SZ, (PINNED + 1) * PAGE_SZ);
	r = next(_metadata, "release", getpid(), start_at, end_at);
	EXPECT_EQ(lease_id, trace_number(&r, "lease_id"));
	is(r, "how", "orphan");
	nothing_more(_metadata);
	tracefs_close(&tracing.fs);
}

TEST_F(dax, closed_and_off)
{
	struct trace_record r;
	int lease;

	start(_metadata, self);
	acquire_whole();
	ASSERT_EQ(0, close(self->lease));
	take(_metadata);
	next(_metadata, "acquire", getpid(), 0, DAXLEASE_TO_INFINITY);
	r = next(_metadata, "release", getpid(), 0, DAXLEASE_TO_INFINITY);
	is(r, "how", "closed");
	nothing_more(_metadata);

	ASSERT_EQ(0, tracefs_write(&tracing.fs, "events/daxlease/enable", "0"));
	lease = lease_take(self->fd);
	ASSERT_LE(0, lease);
	ASSERT_EQ(0, close(lease));
	take(_metadata);
	nothing_more(_metadata);
	tracefs_close(&tracing.fs);
}

/* The holder lets go: the change waits, and goes on. */
TEST_F(dax, break_and_unpin)
{
	const uint64_t from = PINNED * PAGE_SZ, to = from + PAGE_SZ;
	struct change punch = change_of(self->path, self->path, from, PAGE_SZ);
	struct daxlease_event event;
	struct trace_record r;
	struct peer peer;
	pid_t other;
	uint32_t id;

	start(_metadata, self);
	ASSERT_EQ(0, peer_start(&peer));
	other = peer.pid;
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, BREAK_NEVER_MS));
	ASSERT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, peer_post(&peer, change_punch, &punch, sizeof(punch)));
	ASSERT_EQ(0, event_wait(self->lease, DAXLEASE_EVENT_BREAK, &event));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	ASSERT_EQ(0, peer_result(&peer, NULL, 0));
	ASSERT_EQ(0, lease_release(self->lease));
	peer_stop(&peer);

	take(_metadata);
	r = next(_metadata, "acquire", getpid(), 0, DAXLEASE_TO_INFINITY);
	is(r, "mode", "breakable");
	EXPECT_EQ(BREAK_NEVER_MS, trace_number(&r, "break_time_ms"));
	next(_metadata, "pin", getpid(), from, to);
	r = next(_metadata, "break_begin", other, from, to);
	is(r, "reason", "punch_hole");
	EXPECT_EQ(event.break_id, trace_number(&r, "break_id"));
	judged(_metadata, event.break_id, other, from, to, "wait", 0);
	next(_metadata, "unpin", getpid(), from, to);
	judged(_metadata, event.break_id, other, from, to, "go", 0);
	r = next(_metadata, "break_end", other, from, to);
	EXPECT_EQ(event.break_id, trace_number(&r, "break_id"));
	EXPECT_EQ(0, trace_number(&r, "outcome"));
	next(_metadata, "release", getpid(), 0, DAXLEASE_TO_INFINITY);
	nothing_more(_metadata);
	tracefs_close(&tracing.fs);
}

/* The holder does nothing: the pin is revoked where it can be, else the change fails. */
static void overdue(struct __test_metadata *_metadata, struct dax_test *self, bool revocable)
{
	const uint64_t from = PINNED * PAGE_SZ, to = from + PAGE_SZ;
	struct change punch = change_of(self->path, self->path, from, PAGE_SZ);
	uint32_t flags = TESTDEV_PIN_WRITE | (revocable ? TESTDEV_PIN_REVOCABLE : 0);
	int error = revocable ? 0 : ETXTBSY;
	uint64_t lease_id, pin_id, break_id;
	struct daxlease_event event;
	struct trace_record r;
	struct peer peer;
	pid_t other;
	uint32_t id;

	start(_metadata, self);
	ASSERT_EQ(0, peer_start(&peer));
	other = peer.pid;
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, SHORT_MS));
	ASSERT_EQ(0, pin_pages(PINNED, 1, flags, &id));
	ASSERT_EQ(-error, peer_call(&peer, change_punch, &punch, sizeof(punch)));
	ASSERT_EQ(0, event_wait(self->lease, DAXLEASE_EVENT_BREAK, &event));
	peer_stop(&peer);

	take(_metadata);
	r = next(_metadata, "acquire", getpid(), 0, DAXLEASE_TO_INFINITY);
	lease_id = trace_number(&r, "lease_id");
	EXPECT_EQ(SHORT_MS, trace_number(&r, "break_time_ms"));
	r = next(_metadata, "pin", getpid(), from, to);
	pin_id = trace_number(&r, "pin_id");
	r = next(_metadata, "break_begin", other, from, to);
	break_id = trace_number(&r, "break_id");
	EXPECT_EQ(event.break_id, break_id);
	judged(_metadata, break_id, other, from, to, "wait", 0);
	if (revocable) {
		r = next(_metadata, "revoke", other, from, to);
		EXPECT_EQ(lease_id, trace_number(&r, "lease_id"));
		EXPECT_EQ(pin_id, trace_number(&r, "pin_id"));
		is(r, "device", "testdev");
		is(r, "reason", "punch_hole");
		r = next(_metadata, "unpin", other, from, to);
		EXPECT_EQ(pin_id, trace_number(&r, "pin_id"));
	}
	judged(_metadata, break_id, other, from, to, revocable ? "go" : "refuse", error);
	r = next(_metadata, "break_end", other, from, to);
	EXPECT_EQ(break_id, trace_number(&r, "break_id"));
	EXPECT_EQ(error, trace_number(&r, "outcome"));
	nothing_more(_metadata);
	tracefs_close(&tracing.fs);
}

TEST_F(dax, break_and_refusal)
{
	overdue(_metadata, self, false);
}

TEST_F(dax, break_and_revoke)
{
	overdue(_metadata, self, true);
}

TEST_HARNESS_MAIN
