// SPDX-License-Identifier: GPL-2.0
/* Whose pin it is: the file it goes with, and who has that file open now. */
#include "actor.h"
#include "creds.h"
#include "dax_fixture.h"

#include <sys/wait.h>

#define MOST		64

/* The number of the only pin. */
static uint64_t pin_number(struct dax_test *self)
{
	struct lease_view view;
	struct stat st;

	if (fstat(self->fd, &st) || lease_view_ino(self->lease, st.st_ino, &view) != 1 ||
	    view.pins != 1)
		return 0;
	return view.pin[0].id;
}

TEST_F(dax, the_file_is_named)
{
	struct lease_view view;
	struct stat st;
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(3, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	EXPECT_STREQ(TESTDEV_DEV, view.pin[0].owner_file);
}

TEST_F(dax, who_has_it_open)
{
	struct peer holder, heir;
	int32_t pids[MOST] = {};
	uint64_t pin;
	int fd, n;

	ASSERT_EQ(0, peer_start(&heir));
	ASSERT_EQ(0, peer_start(&holder));
	ASSERT_EQ(0, peer_open(&holder, self->path));
	ASSERT_EQ(0, peer_acquire(&holder, 0, 0));
	ASSERT_LE(0, peer_pin(&holder, 3, 1, TESTDEV_PIN_WRITE));
	pin = pin_number(self);
	ASSERT_NE(0, pin);
	n = lease_openers(self->lease, pin, pids, sizeof(pids));
	ASSERT_EQ(1, n);
	EXPECT_EQ(holder.pid, pids[0]);

	/* Passed on through this process to another one. */
	fd = peer_get_fd(&holder, peer_call(&holder, actor_dev_fd, NULL, 0));
	ASSERT_LE(0, fd);
	ASSERT_LE(0, peer_give_fd(&heir, fd));
	n = lease_openers(self->lease, pin, pids, sizeof(pids));
	ASSERT_EQ(3, n);
	EXPECT_TRUE(lease_opened_by(pids, n, holder.pid));
	EXPECT_TRUE(lease_opened_by(pids, n, heir.pid));
	EXPECT_TRUE(lease_opened_by(pids, n, getpid()));
	/* The number is right also where there is no room. */
	pids[0] = pids[1] = -1;
	EXPECT_EQ(3, lease_openers(self->lease, pin, pids, sizeof(pids[0])));
	EXPECT_NE(-1, pids[0]);
	EXPECT_EQ(-1, pids[1]);
	EXPECT_EQ(3, lease_openers(self->lease, pin, NULL, 0));

	close(fd);
	peer_kill(&holder);
	n = lease_openers(self->lease, pin, pids, sizeof(pids));
	ASSERT_EQ(1, n);
	EXPECT_EQ(heir.pid, pids[0]);
	peer_stop(&heir);
	EXPECT_TRUE(wait_leases(0, 0));
	EXPECT_EQ(-ENOENT, lease_openers(self->lease, pin, pids, sizeof(pids)));
}

static long ask_as_user(void *arg)
{
	uint64_t *pin = arg;
	int32_t pids[MOST];
	int lease = lease_open();

	if (lease < 0)
		return lease;
	if (setresuid(1000, 1000, 1000))
		return -errno;
	return lease_openers(lease, *pin, pids, sizeof(pids));
}

TEST_F(dax, not_for_others_to_see)
{
	uint64_t pin;
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(3, 1, TESTDEV_PIN_WRITE, &id));
	pin = pin_number(self);
	ASSERT_NE(0, pin);
	EXPECT_EQ(-ENOENT, in_child(ask_as_user, &pin, sizeof(pin)));
	pin += 1;
	EXPECT_EQ(-ENOENT, lease_openers(self->lease, pin, NULL, 0));
	EXPECT_EQ(-ENOENT, lease_openers(self->lease, 0, NULL, 0));
}

TEST_F(dax, a_bad_address)
{
	int32_t pids[MOST];
	uint64_t pin;
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(3, 1, TESTDEV_PIN_WRITE, &id));
	pin = pin_number(self);
	EXPECT_EQ(-EFAULT, lease_openers(self->lease, pin, (void *)8, sizeof(pids)));
}

TEST_HARNESS_MAIN
