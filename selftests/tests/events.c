// SPDX-License-Identifier: GPL-2.0
/* What read(), poll() and signals tell of a lease. */
#include "change.h"
#include "dax_fixture.h"
#include "event.h"
#include "peer.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* What a queue holds; more than that many events are lost. */
#define QUEUE		64

/* An event each: DRAINED. */
static void some_events(struct __test_metadata *_metadata, struct dax_test *self)
{
	uint32_t id;

	ASSERT_EQ(0, pin_pages(3, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
}

/* Two events each: BREAK, RESUMED. */
static void refused_break(struct __test_metadata *_metadata, struct dax_test *self)
{
	struct change c = change_of(self->path, NULL, 3 * PAGE_SZ, PAGE_SZ);

	ASSERT_EQ(-ETXTBSY, in_child(change_punch, &c, sizeof(c)));
}

static short poll_now(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT | POLLPRI };

	return poll(&pfd, 1, 0) < 0 ? -1 : pfd.revents;
}

TEST_F(dax, without_a_lease)
{
	struct daxlease_event event;

	EXPECT_EQ(-1, read(self->lease, &event, sizeof(event)));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(POLLHUP, poll_now(self->lease));
	acquire_whole();
	EXPECT_EQ(0, poll_now(self->lease));
	ASSERT_EQ(0, lease_release(self->lease));
	EXPECT_EQ(POLLHUP, poll_now(self->lease));
}

TEST_F(dax, write_is_refused)
{
	acquire_whole();
	EXPECT_EQ(-1, write(self->lease, "x", 1));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(dax, short_buffers)
{
	char buf[2 * sizeof(struct daxlease_event)];

	acquire_whole();
	some_events(_metadata, self);
	EXPECT_EQ(-1, read(self->lease, buf, sizeof(struct daxlease_event) - 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, read(self->lease, buf, 0));
	EXPECT_EQ(EINVAL, errno);
	/* Whole events only; nothing has been lost. */
	EXPECT_EQ(sizeof(struct daxlease_event), read(self->lease, buf, sizeof(buf) - 1));
}

TEST_F(dax, several_at_once)
{
	struct daxlease_event event[4];
	uint32_t id;

	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, 1));
	ASSERT_EQ(0, pin_pages(3, 1, TESTDEV_PIN_WRITE, &id));
	refused_break(_metadata, self);
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	ASSERT_EQ(3 * sizeof(event[0]), read(self->lease, event, sizeof(event)));
	EXPECT_EQ(DAXLEASE_EVENT_BREAK, event[0].type);
	EXPECT_EQ(DAXLEASE_EVENT_RESUMED, event[1].type);
	EXPECT_EQ(DAXLEASE_EVENT_DRAINED, event[2].type);
	EXPECT_LE(event[0].time_ns, event[1].time_ns);
	EXPECT_LE(event[1].time_ns, event[2].time_ns);
}

TEST_F(dax, a_bad_address_loses_nothing)
{
	struct daxlease_event event;
	char *edge;

	acquire_whole();
	some_events(_metadata, self);
	EXPECT_EQ(-1, syscall(__NR_read, self->lease, NULL, sizeof(event)));
	EXPECT_EQ(EFAULT, errno);
	/* Half of it fits in front of a page that is not there. */
	edge = mmap(NULL, 2 * PAGE_SZ, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, edge);
	ASSERT_EQ(0, munmap(edge + PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(-1, read(self->lease, edge + PAGE_SZ - sizeof(event) / 2, sizeof(event)));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(sizeof(event), read(self->lease, &event, sizeof(event)));
	EXPECT_EQ(DAXLEASE_EVENT_DRAINED, event.type);
}

TEST_F(dax, nonblocking)
{
	struct daxlease_event event;

	acquire_whole();
	ASSERT_EQ(0, lease_set_nonblock(self->lease, true));
	EXPECT_EQ(-1, read(self->lease, &event, sizeof(event)));
	EXPECT_EQ(EAGAIN, errno);
	some_events(_metadata, self);
	EXPECT_EQ(POLLIN, poll_now(self->lease));
	EXPECT_EQ(sizeof(event), read(self->lease, &event, sizeof(event)));
	EXPECT_EQ(0, poll_now(self->lease));
}

TEST_F(dax, drained_is_told_once_in_a_row)
{
	struct daxlease_event event;

	acquire_whole();
	ASSERT_EQ(0, lease_set_nonblock(self->lease, true));
	some_events(_metadata, self);
	some_events(_metadata, self);
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_DRAINED, event.type);
	EXPECT_EQ(0, event.start);
	EXPECT_EQ(DAXLEASE_TO_INFINITY, event.end);
	EXPECT_FALSE(event_pending(self->lease));
}

static long read_one(void *arg)
{
	struct daxlease_event event;
	int fd = *(int *)arg;

	return read(fd, &event, sizeof(event)) < 0 ? -errno : (long)event.type;
}

TEST_F(dax, a_reader_waits)
{
	struct peer peer;
	int fd;

	ASSERT_EQ(0, peer_start(&peer));
	acquire_whole();
	fd = peer_give_fd(&peer, self->lease);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, peer_post(&peer, read_one, &fd, sizeof(fd)));
	ASSERT_TRUE(wait_blocked_in(peer.pid, __NR_read));
	some_events(_metadata, self);
	EXPECT_EQ(DAXLEASE_EVENT_DRAINED, peer_result(&peer, NULL, 0));
	/* A release ends the wait. */
	ASSERT_EQ(0, peer_post(&peer, read_one, &fd, sizeof(fd)));
	ASSERT_TRUE(wait_blocked_in(peer.pid, __NR_read));
	ASSERT_EQ(0, lease_release(self->lease));
	EXPECT_EQ(-ENOENT, peer_result(&peer, NULL, 0));
	/* So does the end of the reader. */
	acquire_whole();
	ASSERT_EQ(0, peer_post(&peer, read_one, &fd, sizeof(fd)));
	ASSERT_TRUE(wait_blocked_in(peer.pid, __NR_read));
	peer_kill(&peer);
	ASSERT_EQ(0, lease_release(self->lease));
}

TEST_F(dax, epoll_registered_before_the_lease)
{
	struct epoll_event ev = { .events = EPOLLIN }, got;
	int ep = epoll_create1(0);

	ASSERT_LE(0, ep);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->lease, &ev));
	ASSERT_EQ(1, epoll_wait(ep, &got, 1, 0));
	EXPECT_EQ(EPOLLHUP, got.events);
	acquire_whole();
	EXPECT_EQ(0, epoll_wait(ep, &got, 1, 0));
	some_events(_metadata, self);
	ASSERT_EQ(1, epoll_wait(ep, &got, 1, 30000));
	EXPECT_EQ(EPOLLIN, got.events);
	close(self->lease);
	EXPECT_EQ(0, epoll_wait(ep, &got, 1, 0));
	close(ep);
}

static volatile sig_atomic_t signals;
static volatile sig_atomic_t signal_fd;

static void count_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	signals++;
	signal_fd = info->si_fd;
}

static bool signalled(void *arg)
{
	return signals >= *(int *)arg;
}

TEST_F(dax, sigio)
{
	struct sigaction action = { .sa_sigaction = count_signal, .sa_flags = SA_SIGINFO };
	int one = 1, two = 2, three = 3;

	ASSERT_EQ(0, sigaction(SIGIO, &action, NULL));
	ASSERT_EQ(0, sigaction(SIGRTMIN, &action, NULL));
	acquire_whole();
	ASSERT_EQ(0, fcntl(self->lease, F_SETOWN, getpid()));
	some_events(_metadata, self);
	EXPECT_EQ(0, signals);
	ASSERT_EQ(0, fcntl(self->lease, F_SETFL, O_ASYNC));
	some_events(_metadata, self);
	EXPECT_TRUE(wait_until(signalled, &one));
	ASSERT_EQ(0, fcntl(self->lease, F_SETSIG, SIGRTMIN));
	some_events(_metadata, self);
	EXPECT_TRUE(wait_until(signalled, &two));
	EXPECT_EQ(self->lease, signal_fd);
	ASSERT_EQ(0, fcntl(self->lease, F_SETFL, 0));
	some_events(_metadata, self);
	EXPECT_FALSE(signalled(&three));
	/* Closed with signals on. */
	ASSERT_EQ(0, fcntl(self->lease, F_SETFL, O_ASYNC));
	close(self->lease);
}

TEST_F(dax, an_overflow_is_told)
{
	struct daxlease_event event;
	struct daxlease_stats stats;
	unsigned int told = 0;
	uint64_t lost;
	uint32_t id;
	int i;

	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, 1));
	ASSERT_EQ(0, lease_set_nonblock(self->lease, true));
	ASSERT_EQ(0, pin_pages(3, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, lease_stats(&stats));
	lost = stats.events_lost;
	for (i = 0; i < QUEUE / 2 + 3; i++)
		refused_break(_metadata, self);
	for (i = 0; i < QUEUE; i++) {
		ASSERT_EQ(0, event_next(self->lease, &event));
		ASSERT_EQ(i % 2 ? DAXLEASE_EVENT_RESUMED : DAXLEASE_EVENT_BREAK, event.type);
		told++;
	}
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_OVERFLOW, event.type);
	EXPECT_EQ(6, event.lost);
	EXPECT_FALSE(event_pending(self->lease));
	ASSERT_EQ(0, lease_stats(&stats));
	EXPECT_EQ(6, stats.events_lost - lost);
	/* And it goes on. */
	refused_break(_metadata, self);
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_BREAK, event.type);
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
}

TEST_HARNESS_MAIN
