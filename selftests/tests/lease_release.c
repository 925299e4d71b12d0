// SPDX-License-Identifier: GPL-2.0
/* RELEASE gives the lease back, once the pins are gone. */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"

#include <signal.h>
#include <sys/syscall.h>

static long punch(struct dax_test *self, unsigned long page)
{
	struct change c = change_of(self->path, NULL, page * PAGE_SZ, PAGE_SZ);

	return in_child(change_punch, &c, sizeof(c));
}

/* A peer with a lease of the whole file and one pinned page. */
static long start_holder(struct peer *peer, const char *path)
{
	long ret;

	ret = peer_start(peer);
	if (!ret)
		ret = peer_open(peer, path);
	if (!ret)
		ret = peer_acquire(peer, 0, 0);
	if (!ret)
		ret = peer_pin(peer, 2, 1, TESTDEV_PIN_WRITE);
	return ret;
}

TEST_F(dax, without_pins)
{
	acquire_whole();
	EXPECT_EQ(0, lease_release(self->lease));
	EXPECT_EQ(0, punch(self, 2));
	EXPECT_EQ(-ENOENT, lease_release(self->lease));
	/* The descriptor can carry a lease again. */
	acquire_whole();
	EXPECT_EQ(-ETXTBSY, punch(self, 2));
}

TEST_F(dax, nonblocking_with_a_pin_is_busy)
{
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(2, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, lease_set_nonblock(self->lease, true));
	EXPECT_EQ(-EBUSY, lease_release(self->lease));
	/* The lease is as before. */
	EXPECT_EQ(-ETXTBSY, punch(self, 2));
	EXPECT_EQ(-ETXTBSY, punch(self, 9));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	ASSERT_EQ(0, pin_pages(3, 1, TESTDEV_PIN_WRITE, &id));
	EXPECT_EQ(-EBUSY, lease_release(self->lease));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, lease_release(self->lease));
	EXPECT_EQ(0, punch(self, 2));
}

TEST_F(dax, waits_for_the_last_pin)
{
	struct lease_view view;
	struct peer peer;
	struct stat st;
	long id, id2;
	int dev;

	id = start_holder(&peer, self->path);
	ASSERT_LE(0, id);
	id2 = peer_pin(&peer, 5, 3, 0);
	ASSERT_LE(0, id2);
	/* Pins can be dropped by whoever has the device's descriptor. */
	dev = peer_get_fd(&peer, peer_call(&peer, actor_dev_fd, NULL, 0));
	ASSERT_LE(0, dev);

	ASSERT_EQ(0, peer_post(&peer, actor_release, NULL, 0));
	ASSERT_TRUE(wait_blocked_in(peer.pid, SYS_ioctl));
	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	EXPECT_EQ(DAXLEASE_STATE_RELEASING, view.lease.state);
	EXPECT_EQ(-ETXTBSY, punch(self, 2));

	ASSERT_EQ(0, testdev_unpin(dev, id));
	ASSERT_TRUE(wait_blocked_in(peer.pid, SYS_ioctl));
	EXPECT_FALSE(peer_has_result(&peer));
	EXPECT_EQ(-ETXTBSY, punch(self, 5));

	ASSERT_EQ(0, testdev_unpin(dev, id2));
	EXPECT_EQ(0, peer_result(&peer, NULL, 0));
	EXPECT_EQ(0, punch(self, 2));
	peer_stop(&peer);
}

TEST_F(dax, signal_ends_the_wait_and_leaves_the_lease)
{
	struct lease_view view;
	struct peer peer;
	struct stat st;
	long id, id2;

	id = start_holder(&peer, self->path);
	ASSERT_LE(0, id);
	ASSERT_EQ(0, peer_call(&peer, actor_catch_sigusr1, NULL, 0));
	ASSERT_EQ(0, peer_post(&peer, actor_release, NULL, 0));
	ASSERT_TRUE(wait_blocked_in(peer.pid, SYS_ioctl));
	ASSERT_EQ(0, kill(peer.pid, SIGUSR1));
	EXPECT_EQ(-EINTR, peer_result(&peer, NULL, 0));

	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	EXPECT_EQ(DAXLEASE_STATE_ACTIVE, view.lease.state);
	EXPECT_EQ(1, view.pins);
	EXPECT_EQ(-ETXTBSY, punch(self, 9));
	id2 = peer_pin(&peer, 8, 1, TESTDEV_PIN_WRITE);
	EXPECT_LE(0, id2);
	EXPECT_EQ(0, peer_unpin(&peer, id));
	EXPECT_EQ(0, peer_unpin(&peer, id2));
	EXPECT_EQ(0, peer_call(&peer, actor_release, NULL, 0));
	peer_stop(&peer);
}

TEST_F(dax, kill_ends_the_wait)
{
	struct peer peer;

	ASSERT_LE(0, start_holder(&peer, self->path));
	ASSERT_EQ(0, peer_post(&peer, actor_release, NULL, 0));
	ASSERT_TRUE(wait_blocked_in(peer.pid, SYS_ioctl));
	peer_kill(&peer);
	EXPECT_TRUE(wait_leases(0, 0));
	EXPECT_EQ(0, punch(self, 2));
}

TEST_F(dax, no_new_pins_while_it_waits)
{
	struct peer peer;
	uint32_t id2;
	long id;
	int fd, dev;

	id = start_holder(&peer, self->path);
	ASSERT_LE(0, id);
	fd = peer_get_fd(&peer, peer_call(&peer, actor_lease_fd, NULL, 0));
	ASSERT_LE(0, fd);
	dev = peer_get_fd(&peer, peer_call(&peer, actor_dev_fd, NULL, 0));
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, lease_attach(fd));
	ASSERT_EQ(0, peer_post(&peer, actor_release, NULL, 0));
	ASSERT_TRUE(wait_blocked_in(peer.pid, SYS_ioctl));
	/* A signal may yet end the wait. */
	EXPECT_EQ(-EAGAIN, pin_pages(9, 1, TESTDEV_PIN_WRITE, &id2));
	EXPECT_FALSE(peer_has_result(&peer));
	ASSERT_EQ(0, testdev_unpin(dev, id));
	EXPECT_EQ(0, peer_result(&peer, NULL, 0));
	EXPECT_EQ(-ENOENT, lease_attach(fd));
	peer_stop(&peer);
}

/* By a process that got the descriptor and never attached. */
TEST_F(dax, by_another_process)
{
	struct peer peer;
	long id;
	int fd;

	id = start_holder(&peer, self->path);
	ASSERT_LE(0, id);
	fd = peer_get_fd(&peer, peer_call(&peer, actor_lease_fd, NULL, 0));
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, lease_set_nonblock(fd, true));
	EXPECT_EQ(-EBUSY, lease_release(fd));
	EXPECT_EQ(0, peer_unpin(&peer, id));
	EXPECT_EQ(0, lease_release(fd));
	EXPECT_EQ(-EOPNOTSUPP, peer_pin(&peer, 2, 1, TESTDEV_PIN_WRITE));
	EXPECT_EQ(0, punch(self, 2));
	peer_stop(&peer);
}

TEST_HARNESS_MAIN
