// SPDX-License-Identifier: GPL-2.0
/* FORCE: the unpin of last resort, and who may not. */
#include "actor.h"
#include "change.h"
#include "creds.h"
#include "dax_fixture.h"
#include "event.h"

#include <sys/klog.h>
#include <sys/wait.h>

#define PINNED		4

static int force(int lease, int fd, uint64_t off, uint64_t len, uint32_t flags,
		 struct daxlease_force *args)
{
	*args = (struct daxlease_force){
		.size = sizeof(*args),
		.flags = flags,
		.fd = fd,
		.offset = off,
		.length = len,
	};
	return ioctl(lease, DAXLEASE_FORCE, args) ? -errno : 0;
}

static long start_holder(struct peer *peer, const char *path, uint32_t flags)
{
	long ret = peer_start(peer);

	if (!ret)
		ret = peer_open(peer, path);
	if (!ret)
		ret = peer_acquire(peer, 0, 0);
	if (!ret)
		ret = peer_pin(peer, PINNED, 1, TESTDEV_PIN_WRITE | flags);
	return ret;
}

static bool log_has(const char *text)
{
	static char log[1 << 20];
	int len = klogctl(3, log, sizeof(log) - 1);

	if (len < 0)
		return false;
	log[len] = 0;
	return strstr(log, text);
}

/* Exclusive leases, too: here somebody means it. */
TEST_F(dax, revokes_what_can_be_revoked)
{
	struct change c = change_of(self->path, NULL, PINNED * PAGE_SZ, PAGE_SZ);
	struct daxlease_event event;
	struct daxlease_force done;
	char line[128];
	struct stat st;
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(PINNED, 2, TESTDEV_PIN_WRITE | TESTDEV_PIN_REVOCABLE, &id));
	/* Elsewhere it does nothing. */
	ASSERT_EQ(0, force(lease_open(), self->fd, 0, PINNED * PAGE_SZ, 0, &done));
	EXPECT_EQ(0, done.revoked);
	EXPECT_EQ(0, done.pins);
	EXPECT_EQ(1, done.leases);
	EXPECT_EQ(0, testdev_write(self->dev, id, 0, "w", 1));

	ASSERT_EQ(0, force(lease_open(), self->fd, PINNED * PAGE_SZ, 1, 0, &done));
	EXPECT_EQ(1, done.revoked);
	EXPECT_EQ(0, done.killed);
	EXPECT_EQ(0, done.pins);
	EXPECT_EQ(1, done.leases);
	EXPECT_GT(0, testdev_write(self->dev, id, 0, "w", 1));
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_REVOKED, event.type);
	EXPECT_EQ(DAXLEASE_REASON_FORCE, event.reason);
	EXPECT_EQ(PINNED * PAGE_SZ, event.start);
	EXPECT_EQ((PINNED + 2) * PAGE_SZ, event.end);
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_DRAINED, event.type);

	ASSERT_EQ(0, fstat(self->fd, &st));
	snprintf(line, sizeof(line), "inode %lu bytes %lu-%lu: 1 pins revoked", st.st_ino,
		 PINNED * PAGE_SZ, (PINNED + 1) * PAGE_SZ);
	EXPECT_TRUE(log_has(line));

	/* The lease itself stays, and still shuts others out. */
	EXPECT_EQ(-ETXTBSY, in_child(change_punch, &c, sizeof(c)));
	EXPECT_EQ(0, change_punch(&c));
	EXPECT_EQ(0, testdev_unpin(self->dev, id));
}

TEST_F(dax, without_the_flag_nobody_is_killed)
{
	struct daxlease_force done;
	struct peer holder;
	int lease = lease_open();

	ASSERT_LE(0, start_holder(&holder, self->path, 0));
	ASSERT_EQ(0, force(lease, self->fd, 0, 0, 0, &done));
	EXPECT_EQ(0, done.revoked);
	EXPECT_EQ(0, done.killed);
	EXPECT_EQ(1, done.pins);
	EXPECT_EQ(1, done.leases);
	EXPECT_EQ(0, kill(holder.pid, 0));
	EXPECT_EQ(0, peer_call(&holder, actor_close_file, NULL, 0));
	peer_stop(&holder);
}

TEST_F(dax, kills_if_told_so)
{
	struct change c = change_of(self->path, NULL, PINNED * PAGE_SZ, PAGE_SZ);
	struct daxlease_force done;
	struct peer holder, bystander;
	int lease = lease_open();

	ASSERT_EQ(0, peer_start(&bystander));
	ASSERT_EQ(0, peer_open(&bystander, self->path));
	ASSERT_LE(0, start_holder(&holder, self->path, 0));
	ASSERT_EQ(0, force(lease, self->fd, PINNED * PAGE_SZ, PAGE_SZ, DAXLEASE_FORCE_KILL, &done));
	EXPECT_EQ(0, done.revoked);
	/* Holder and pinner are the same one. */
	EXPECT_EQ(1, done.killed);
	EXPECT_EQ(-ECONNRESET, peer_call(&holder, actor_attach, NULL, 0));
	EXPECT_TRUE(wait_leases(0, 0));
	EXPECT_EQ(0, in_child(change_punch, &c, sizeof(c)));
	/* One that has just the file open. */
	EXPECT_EQ(0, peer_call(&bystander, actor_acquire, &(struct actor_range){ 0 },
			       sizeof(struct actor_range)));
	peer_stop(&bystander);
	peer_stop(&holder);
}

/* It has given its lease up, and is known as the one that made the pin. */
TEST_F(dax, kills_who_made_an_orphan)
{
	struct daxlease_force done;
	struct peer holder;
	int lease = lease_open();

	ASSERT_LE(0, start_holder(&holder, self->path, 0));
	ASSERT_EQ(0, peer_call(&holder, actor_close_lease, NULL, 0));
	ASSERT_EQ(0, force(lease, self->fd, 0, 0, DAXLEASE_FORCE_KILL, &done));
	EXPECT_EQ(1, done.killed);
	EXPECT_EQ(0, done.leases);
	EXPECT_TRUE(wait_leases(0, 0));
	peer_stop(&holder);
}

/* The device is in other hands, who made the pin is gone: whom to kill, OPENERS tells. */
TEST_F(dax, an_heir_is_for_openers_to_find)
{
	struct daxlease_force done;
	struct peer holder, heir;
	struct lease_view view;
	int32_t pids[4] = { 0 };
	struct stat st;
	int fd;

	ASSERT_EQ(0, peer_start(&heir));
	ASSERT_LE(0, start_holder(&holder, self->path, 0));
	fd = peer_get_fd(&holder, peer_call(&holder, actor_dev_fd, NULL, 0));
	ASSERT_LE(0, fd);
	ASSERT_LE(0, peer_give_fd(&heir, fd));
	ASSERT_EQ(0, close(fd));
	peer_kill(&holder);

	ASSERT_EQ(0, force(self->lease, self->fd, 0, 0, DAXLEASE_FORCE_KILL, &done));
	EXPECT_EQ(0, done.revoked);
	EXPECT_EQ(0, done.killed);
	EXPECT_EQ(1, done.pins);
	EXPECT_EQ(0, done.leases);
	EXPECT_EQ(0, kill(heir.pid, 0));
	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	ASSERT_EQ(1, view.pins);
	ASSERT_EQ(1, lease_openers(self->lease, view.pin[0].id, pids, sizeof(pids)));
	EXPECT_EQ(heir.pid, pids[0]);
	peer_kill(&heir);
	EXPECT_TRUE(wait_leases(0, 0));
	ASSERT_EQ(0, force(self->lease, self->fd, 0, 0, DAXLEASE_FORCE_KILL, &done));
	EXPECT_EQ(0, done.pins);
}

TEST_F(dax, nothing_there)
{
	struct daxlease_force done;

	ASSERT_EQ(0, force(self->lease, self->fd, 0, 0, DAXLEASE_FORCE_KILL, &done));
	EXPECT_EQ(0, done.revoked + done.killed + done.pins + done.leases);
}

TEST_F(dax, bad_input)
{
	struct daxlease_force done;
	int dir = open(self->dir, O_RDONLY | O_DIRECTORY);

	EXPECT_EQ(-EBADF, force(self->lease, -1, 0, 0, 0, &done));
	EXPECT_EQ(-EOPNOTSUPP, force(self->lease, dir, 0, 0, 0, &done));
	EXPECT_EQ(-EINVAL, force(self->lease, self->fd, 0, 0, 2, &done));
	EXPECT_EQ(-EINVAL, force(self->lease, self->fd, UINT64_MAX, 1, 0, &done));
	EXPECT_EQ(-EINVAL, force(self->lease, self->fd, UINT64_MAX - 1, 4, 0, &done));
}

static long force_as_user(void *arg)
{
	struct daxlease_force done;
	int fd = open(arg, O_RDWR), lease = lease_open();

	if (fd < 0 || lease < 0)
		return -EBADF;
	if (setresuid(1000, 1000, 1000))
		return -errno;
	return force(lease, fd, 0, 0, 0, &done);
}

TEST_F(dax, needs_the_capability)
{
	uint32_t id;

	ASSERT_EQ(0, chown(self->path, 1000, 1000));
	acquire_whole();
	ASSERT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE | TESTDEV_PIN_REVOCABLE, &id));
	EXPECT_EQ(-EPERM, in_child(force_as_user, self->path, PATH_LEN));
	EXPECT_EQ(0, testdev_write(self->dev, id, 0, "w", 1));
	EXPECT_EQ(0, testdev_unpin(self->dev, id));
}

TEST_HARNESS_MAIN
