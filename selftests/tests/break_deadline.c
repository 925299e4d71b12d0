// SPDX-License-Identifier: GPL-2.0
/* A layout change waits no longer than the lease's break time, or until a signal. */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "event.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#define PINNED		4
#define SHORT_MS	100

static struct change punch_at(struct dax_test *self, unsigned long page)
{
	return change_of(self->path, NULL, page * PAGE_SZ, PAGE_SZ);
}

TEST_F(dax, a_holder_that_ignores_it)
{
	struct change c = punch_at(self, PINNED);
	struct snapshot before, after;
	struct daxlease_event event;
	uint64_t break_id;
	uint32_t id;
	int i;

	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, SHORT_MS));
	ASSERT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, snapshot_take(self->path, &before));
	/* The second one has the same time as the first. */
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(-ETXTBSY, in_child(change_punch, &c, sizeof(c)));
		ASSERT_EQ(0, event_next(self->lease, &event));
		EXPECT_EQ(DAXLEASE_EVENT_BREAK, event.type);
		EXPECT_EQ(SHORT_MS * 1000000ULL, event.deadline_ns - event.time_ns);
		break_id = event.break_id;
		ASSERT_EQ(0, event_next(self->lease, &event));
		EXPECT_EQ(DAXLEASE_EVENT_RESUMED, event.type);
		EXPECT_EQ(break_id, event.break_id);
		EXPECT_EQ(ETXTBSY, event.outcome);
	}
	ASSERT_EQ(0, snapshot_take(self->path, &after));
	EXPECT_TRUE(snapshot_same(&before, &after));
	EXPECT_EQ(0, testdev_write(self->dev, id, 0, "w", 1));
	EXPECT_EQ('w', *page_of(self->map, PINNED));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	/* Pins are admitted again, and the change goes on without. */
	ASSERT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, in_child(change_punch, &c, sizeof(c)));
}

/* The lease with the shortest time, and only what is pinned in the range, counts. */
TEST_F(dax, each_lease_has_its_own_time)
{
	struct change c = punch_at(self, PINNED);
	struct daxlease_event event;
	struct peer peer;
	uint32_t id, other;
	int patient;

	patient = lease_open();
	ASSERT_LE(0, patient);
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, lease_acquire_breakable(patient, self->fd, 0, PAGE_SZ * 8, BREAK_NEVER_MS));
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, PAGE_SZ * 8, 0, SHORT_MS));
	ASSERT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, pin_pages(9, 1, TESTDEV_PIN_WRITE, &other));

	ASSERT_EQ(0, peer_post(&peer, change_punch, &c, sizeof(c)));
	ASSERT_EQ(0, event_next(patient, &event));
	/* Beyond the time of the other one, which has pins elsewhere. */
	usleep(3 * SHORT_MS * 1000);
	EXPECT_FALSE(peer_has_result(&peer));
	EXPECT_FALSE(event_pending(self->lease));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, peer_result(&peer, NULL, 0));
	EXPECT_EQ(0, testdev_unpin(self->dev, other));
	peer_stop(&peer);
}

/* A layout change, by that system call, that waits until its task gets a signal. */
struct waiting {
	peer_fn fn;
	long syscall_nr;
	int sig;
};

static void ended_by_a_signal(struct __test_metadata *_metadata, struct dax_test *self,
			      struct waiting w)
{
	struct snapshot before, after;
	struct daxlease_event event;
	char other[PATH_LEN];
	struct change c;
	struct peer peer;
	uint32_t id;
	int fd, lease;

	other_path(other, "other");
	fd = file_create(other, FILE_SIZE, FILE_SEED);
	ASSERT_LE(0, fd);
	c = change_of(self->path, other, PINNED * PAGE_SZ, PAGE_SZ);
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_call(&peer, actor_catch_sigusr1, NULL, 0));
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, BREAK_NEVER_MS));
	ASSERT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, snapshot_take(self->path, &before));

	ASSERT_EQ(0, peer_post(&peer, w.fn, &c, sizeof(c)));
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_BREAK, event.type);
	ASSERT_TRUE(wait_blocked_in(peer.pid, w.syscall_nr));
	if (w.sig == SIGKILL) {
		peer_kill(&peer);
	} else {
		ASSERT_EQ(0, kill(peer.pid, w.sig));
		EXPECT_EQ(-EINTR, peer_result(&peer, NULL, 0));
		peer_stop(&peer);
	}
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_RESUMED, event.type);
	EXPECT_EQ(EINTR, event.outcome);
	ASSERT_EQ(0, snapshot_take(self->path, &after));
	EXPECT_TRUE(snapshot_same(&before, &after));

	/* Nothing is locked, and nothing is being changed, neither here nor in the other file. */
	EXPECT_EQ(1, pwrite(self->fd, "w", 1, 0));
	EXPECT_EQ(1, pwrite(fd, "w", 1, 0));
	lease = lease_take(fd);
	ASSERT_LE(0, lease);
	ASSERT_EQ(0, close(lease));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	ASSERT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, in_child(w.fn, &c, sizeof(c)));
}

#define ENDED(name, fn, nr)							\
	TEST_F(dax, name##_interrupted)						\
	{									\
		ended_by_a_signal(_metadata, self, (struct waiting){ fn, nr, SIGUSR1 }); \
	}									\
	TEST_F(dax, name##_killed)						\
	{									\
		ended_by_a_signal(_metadata, self, (struct waiting){ fn, nr, SIGKILL }); \
	}

ENDED(punch_hole, change_punch, __NR_fallocate)
ENDED(truncate, change_truncate, __NR_truncate)

/* Of two files, or in the middle of a check. */
#define ENDED_XFS(name, fn)							\
	TEST_F(dax, name##_interrupted)						\
	{									\
		if (variant->fs != &fs_xfs)					\
			SKIP(return, "not on this filesystem");			\
		ended_by_a_signal(_metadata, self,				\
				  (struct waiting){ fn, __NR_ioctl, SIGUSR1 });	\
	}									\
	TEST_F(dax, name##_killed)						\
	{									\
		if (variant->fs != &fs_xfs)					\
			SKIP(return, "not on this filesystem");			\
		ended_by_a_signal(_metadata, self,				\
				  (struct waiting){ fn, __NR_ioctl, SIGKILL });	\
	}

ENDED_XFS(exchange_with_the_first_file_pinned, change_exchange_1)
ENDED_XFS(exchange_with_the_second_file_pinned, change_exchange_2)
ENDED_XFS(repair, change_repair)

/* A process with a thread that waits to change the layout. */
static struct change threads_change;
static long threads_result;
static volatile pid_t threads_id;
static pthread_t thread;

static void *change_it(void *unused)
{
	(void)unused;
	threads_id = gettid();
	threads_result = change_punch(&threads_change);
	return NULL;
}

/* Returns the thread's number. */
static long punch_in_a_thread(void *change)
{
	threads_change = *(struct change *)change;
	if (pthread_create(&thread, NULL, change_it, NULL))
		return -EAGAIN;
	while (!threads_id)
		usleep(100);
	return threads_id;
}

static long join_the_thread(void *unused)
{
	(void)unused;
	return -pthread_join(thread, NULL) ?: threads_result;
}

/* It would wait for what its own process can let go of. */
TEST_F(dax, becomes_a_holder_while_it_waits)
{
	struct change c = punch_at(self, PINNED);
	struct daxlease_event asked, event;
	struct peer peer;
	uint32_t id;
	int fd, tid;

	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_open(&peer, self->path));
	fd = peer_give_fd(&peer, self->lease);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, peer_call(&peer, actor_use_lease, &fd, sizeof(fd)));
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, BREAK_NEVER_MS));
	ASSERT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &id));
	tid = peer_call(&peer, punch_in_a_thread, &c, sizeof(c));
	ASSERT_LT(0, tid);
	ASSERT_EQ(0, event_next(self->lease, &asked));
	EXPECT_EQ(DAXLEASE_EVENT_BREAK, asked.type);
	ASSERT_TRUE(wait_blocked_in(tid, __NR_fallocate));
	ASSERT_EQ(0, peer_call(&peer, actor_attach, NULL, 0));
	EXPECT_EQ(-EDEADLK, peer_call(&peer, join_the_thread, NULL, 0));
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_RESUMED, event.type);
	EXPECT_EQ(EDEADLK, event.outcome);
	/* It was told when it became one, not when its time was over. */
	EXPECT_LT(event.time_ns, asked.deadline_ns);
	EXPECT_EQ(1, file_matches(self->fd, 0, FILE_SIZE, FILE_SEED));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, peer_call(&peer, change_punch, &c, sizeof(c)));
	peer_stop(&peer);
}

TEST_F(dax, default_and_maximum)
{
	const uint32_t most = lease_parameter("DAXLEASE_MAX_BREAK_TIME_MS", 60000);
	struct lease_view view;
	struct stat st;

	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(-ERANGE, lease_acquire_breakable(self->lease, self->fd, 0, 0, most + 1));
	EXPECT_EQ(-ERANGE, lease_acquire_breakable(self->lease, self->fd, 0, 0, UINT32_MAX));
	EXPECT_EQ(0, lease_view_ino(self->lease, st.st_ino, &view));
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, 0));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	EXPECT_EQ(DAXLEASE_MODE_BREAKABLE, view.lease.mode);
	EXPECT_EQ(lease_parameter("DAXLEASE_BREAK_TIME_MS", 10000), view.lease.break_time_ms);
	EXPECT_EQ(0, view.lease.breaking);
	ASSERT_EQ(0, lease_release(self->lease));
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, most));
}

TEST_HARNESS_MAIN
