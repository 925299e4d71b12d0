// SPDX-License-Identifier: GPL-2.0
/* A device's descriptor in the hands of another process, and kills in any order. */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"

static long punch(struct dax_test *self, unsigned long page)
{
	struct change c = change_of(self->path, NULL, page * PAGE_SZ, PAGE_SZ);

	return in_child(change_punch, &c, sizeof(c));
}

static long start(struct peer *peer, const char *path)
{
	long ret = peer_start(peer);

	return ret ? ret : peer_open(peer, path);
}

/* From one peer to the other, as what it uses from now on. */
static long pass(struct peer *from, peer_fn which, struct peer *to, peer_fn use)
{
	int fd, there;

	fd = peer_get_fd(from, peer_call(from, which, NULL, 0));
	if (fd < 0)
		return fd;
	there = peer_give_fd(to, fd);
	close(fd);
	return there < 0 ? there : peer_call(to, use, &there, sizeof(there));
}

static int view_file(struct dax_test *self, struct lease_view *view)
{
	struct stat st;

	if (fstat(self->fd, &st))
		return -errno;
	return lease_view_ino(self->lease, st.st_ino, view);
}

TEST_F(dax, pins_stay_when_the_pinner_exits)
{
	struct peer first, second;
	struct lease_view view;
	char comm[16] = { 0 };
	pid_t pid;
	long id;

	ASSERT_EQ(0, start(&first, self->path));
	ASSERT_EQ(0, start(&second, self->path));
	ASSERT_EQ(0, peer_acquire(&first, 0, 0));
	id = peer_pin(&first, 2, 2, TESTDEV_PIN_WRITE);
	ASSERT_LE(0, id);
	ASSERT_EQ(0, pass(&first, actor_dev_fd, &second, actor_use_dev));
	ASSERT_EQ(0, pass(&first, actor_lease_fd, &second, actor_use_lease));
	pid = first.pid;
	ASSERT_EQ(1, view_file(self, &view));
	EXPECT_EQ(pid, view.pin[0].pid);
	peer_stop(&first);

	/* Still there, still attributed, though its maker has no number now. */
	ASSERT_EQ(1, view_file(self, &view));
	ASSERT_EQ(1, view.pins);
	EXPECT_EQ(DAXLEASE_STATE_ACTIVE, view.lease.state);
	EXPECT_EQ(0, view.lease.pid);
	EXPECT_EQ(0, view.pin[0].pid);
	EXPECT_EQ(2, view.pin[0].pages);
	read_text("/proc/self/comm", comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = 0;
	EXPECT_STREQ(comm, view.pin[0].comm);
	EXPECT_EQ(-ETXTBSY, punch(self, 2));
	EXPECT_EQ(0, peer_dma(&second, id, 0, PAGE_SZ, 0x66));
	EXPECT_EQ(0x66, page_of(self->map, 2)[5]);

	/* The receiver pins nothing new until it attaches. */
	EXPECT_EQ(-EOPNOTSUPP, peer_pin(&second, 8, 1, TESTDEV_PIN_WRITE));
	ASSERT_EQ(0, peer_call(&second, actor_attach, NULL, 0));
	EXPECT_LE(0, peer_pin(&second, 8, 1, TESTDEV_PIN_WRITE));
	peer_stop(&second);
	EXPECT_TRUE(wait_leases(0, 0));
	EXPECT_EQ(0, punch(self, 2));
}

TEST_F(dax, orphaned_in_the_hands_of_the_receiver)
{
	struct peer first, second;
	struct lease_view view;
	long id;

	ASSERT_EQ(0, start(&first, self->path));
	ASSERT_EQ(0, start(&second, self->path));
	ASSERT_EQ(0, peer_acquire(&first, 0, 0));
	id = peer_pin(&first, 2, 2, TESTDEV_PIN_WRITE);
	ASSERT_LE(0, id);
	ASSERT_EQ(0, pass(&first, actor_dev_fd, &second, actor_use_dev));
	peer_kill(&first);
	ASSERT_EQ(1, view_file(self, &view));
	EXPECT_EQ(DAXLEASE_STATE_ORPHANED, view.lease.state);
	EXPECT_EQ(-ETXTBSY, punch(self, 2));
	EXPECT_EQ(0, peer_dma(&second, id, PAGE_SZ, PAGE_SZ, 0x33));
	EXPECT_EQ(0x33, page_of(self->map, 3)[5]);
	peer_kill(&second);
	EXPECT_TRUE(wait_leases(0, 0));
	EXPECT_EQ(0, punch(self, 2));
}

/* Descriptors of one process, closed by hand in each order. */
static void closed_in_order(struct __test_metadata *_metadata, struct dax_test *self,
			    const int order[3])
{
	static const peer_fn close_fn[] = {
		actor_close_lease, actor_close_dev, actor_close_file,
	};
	struct peer peer;
	bool pinned = true;

	ASSERT_EQ(0, start(&peer, self->path));
	ASSERT_EQ(0, peer_acquire(&peer, 0, 0));
	ASSERT_LE(0, peer_pin(&peer, 2, 2, TESTDEV_PIN_WRITE));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, peer_call(&peer, close_fn[order[i]], NULL, 0));
		if (close_fn[order[i]] == actor_close_dev)
			pinned = false;
		if (pinned)
			EXPECT_EQ(-ETXTBSY, punch(self, 2));
	}
	EXPECT_TRUE(wait_leases(0, 0));
	EXPECT_EQ(0, punch(self, 2));
	peer_stop(&peer);
}

TEST_F(dax, closed_in_any_order)
{
	static const int orders[][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++)
		closed_in_order(_metadata, self, orders[i]);
}

/*
 * SIGKILL closes descriptors by number, so let them have each order of numbers:
 * all three are closed and opened anew.
 */
static long reopen(void *arg)
{
	const int *order = arg;
	int lease = actor_lease_fd(NULL), dev = actor_dev_fd(NULL);
	int fd;

	for (int i = 0; i < 2; i++) {
		fd = dup(order[i] ? dev : lease);
		if (fd < 0)
			return -errno;
		if (order[i])
			actor_use_dev(&fd);
		else
			actor_use_lease(&fd);
	}
	return 0;
}

TEST_F(dax, killed_with_descriptors_in_any_order)
{
	static const int orders[][2] = { { 0, 1 }, { 1, 0 } };
	struct peer peer;

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		int order[2] = { orders[i][0], orders[i][1] };

		ASSERT_EQ(0, start(&peer, self->path));
		ASSERT_EQ(0, peer_acquire(&peer, 0, 0));
		ASSERT_EQ(0, peer_call(&peer, reopen, order, sizeof(order)));
		ASSERT_LE(0, peer_pin(&peer, 2, 2, TESTDEV_PIN_WRITE));
		EXPECT_EQ(-ETXTBSY, punch(self, 2));
		peer_kill(&peer);
		EXPECT_TRUE(wait_leases(0, 0));
		EXPECT_EQ(0, punch(self, 2));
	}
}

TEST_F(dax, holder_killed_while_another_process_pins)
{
	struct peer holder, pinner;
	long id;

	ASSERT_EQ(0, start(&holder, self->path));
	ASSERT_EQ(0, start(&pinner, self->path));
	ASSERT_EQ(0, peer_acquire(&holder, 0, 0));
	ASSERT_EQ(0, pass(&holder, actor_lease_fd, &pinner, actor_use_lease));
	ASSERT_EQ(0, peer_call(&pinner, actor_attach, NULL, 0));
	id = peer_pin(&pinner, 2, 2, TESTDEV_PIN_WRITE);
	ASSERT_LE(0, id);
	peer_kill(&holder);
	EXPECT_EQ(-ETXTBSY, punch(self, 2));
	EXPECT_EQ(0, peer_dma(&pinner, id, 0, PAGE_SZ, 0x12));
	EXPECT_EQ(0x12, page_of(self->map, 2)[0]);
	/* The lease is in the descriptor that is left. */
	EXPECT_LE(0, peer_pin(&pinner, 6, 1, TESTDEV_PIN_WRITE));
	peer_kill(&pinner);
	EXPECT_TRUE(wait_leases(0, 0));
	EXPECT_EQ(0, punch(self, 2));
}

TEST_F(dax, pinner_killed_while_the_holder_lives)
{
	struct peer holder, pinner;

	ASSERT_EQ(0, start(&holder, self->path));
	ASSERT_EQ(0, start(&pinner, self->path));
	ASSERT_EQ(0, peer_acquire(&holder, 0, 0));
	ASSERT_EQ(0, pass(&holder, actor_lease_fd, &pinner, actor_use_lease));
	ASSERT_EQ(0, peer_call(&pinner, actor_attach, NULL, 0));
	ASSERT_LE(0, peer_pin(&pinner, 2, 2, TESTDEV_PIN_WRITE));
	peer_kill(&pinner);
	EXPECT_TRUE(wait_leases(1, 0));
	/* The lease of the living is as it was. */
	EXPECT_EQ(-ETXTBSY, punch(self, 2));
	EXPECT_LE(0, peer_pin(&holder, 2, 2, TESTDEV_PIN_WRITE));
	peer_stop(&holder);
	EXPECT_EQ(0, punch(self, 2));
}

TEST_HARNESS_MAIN
