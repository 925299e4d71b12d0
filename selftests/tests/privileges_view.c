// SPDX-License-Identifier: GPL-2.0
/* Whom a QUERY tells what of others: users, pid namespaces, user namespaces. */
#include "actor.h"
#include "creds.h"
#include "dax_fixture.h"

#include <sched.h>

#define OWNER	1234
#define OTHER	4321

#define OVERFLOW_UID	65534

static const struct creds owner = { .uid = OWNER, .gid = OWNER };
static const struct creds other = { .uid = OTHER, .gid = OTHER };

/* What a reader sees, of the last lease and its last pin. */
struct seen {
	int lease;
	int leases;
	int pins;
	struct daxlease_lease_record record;
	struct daxlease_pin_record pin;
	char path[PATH_LEN];
};

static int look(const struct daxlease_record *record, void *arg)
{
	struct seen *seen = arg;

	if (record->type == DAXLEASE_RECORD_LEASE) {
		seen->record = *(const struct daxlease_lease_record *)record;
		snprintf(seen->path, PATH_LEN, "%s",
			 ((const struct daxlease_lease_record *)record)->path);
		seen->leases++;
	} else {
		seen->pin = *(const struct daxlease_pin_record *)record;
		seen->pins++;
	}
	return 0;
}

static long query(void *arg)
{
	struct seen *seen = arg;

	return lease_query(seen->lease, 8192, look, seen);
}

/* Through a lease fd of that number there. */
#define query_by(peer, fd) ({						\
	struct seen view = { .lease = fd };				\
									\
	ASSERT_EQ(0, peer_call(peer, query, &view, sizeof(view)));	\
	view;								\
})

/* A process of a user, with the file open and a lease fd without a lease. */
static void start(struct __test_metadata *_metadata, struct dax_test *self, struct peer *peer,
		  const struct creds *creds)
{
	ASSERT_EQ(0, fchown(self->fd, OWNER, OWNER));
	ASSERT_EQ(0, fchmod(self->fd, 0666));
	ASSERT_EQ(0, peer_start(peer));
	ASSERT_EQ(0, peer_open(peer, self->path));
	if (creds)
		ASSERT_EQ(0, peer_become(peer, creds));
}

#define lease_of(peer)	((int)peer_call(peer, actor_lease_fd, NULL, 0))

/* From here on new processes of the test are in a pid namespace of their own. */
#define enter_pidns() do {						\
	if (unshare(CLONE_NEWPID))					\
		SKIP(return, "no pid namespaces");			\
} while (0)

static void pass_lease(struct __test_metadata *_metadata, struct peer *from, struct peer *to)
{
	int fd = peer_get_fd(from, lease_of(from));

	ASSERT_LE(0, fd);
	fd = peer_give_fd(to, fd);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, peer_call(to, actor_use_lease, &fd, sizeof(fd)));
}

TEST_F(dax, leases_of_other_users)
{
	struct peer holder, same, stranger;
	struct seen seen;

	start(_metadata, self, &holder, &owner);
	start(_metadata, self, &same, &owner);
	start(_metadata, self, &stranger, &other);
	ASSERT_EQ(0, peer_acquire(&holder, 0, 0));
	ASSERT_LE(0, peer_pin(&holder, 0, 1, 0));
	seen = query_by(&same, lease_of(&same));
	EXPECT_EQ(1, seen.leases);
	EXPECT_EQ(1, seen.pins);
	EXPECT_EQ(holder.pid, seen.record.pid);
	seen = query_by(&stranger, lease_of(&stranger));
	EXPECT_EQ(0, seen.leases);
	EXPECT_EQ(0, seen.pins);
	peer_stop(&holder);
	peer_stop(&same);
	peer_stop(&stranger);
}

/* The same number outside and inside of a container is not the same user. */
TEST_F(dax, leases_from_outside_of_the_pid_namespace)
{
	struct peer outside, inside;
	struct seen seen;

	start(_metadata, self, &outside, &owner);
	ASSERT_EQ(0, peer_acquire(&outside, 0, 0));
	enter_pidns();
	start(_metadata, self, &inside, &owner);
	seen = query_by(&inside, lease_of(&inside));
	EXPECT_EQ(0, seen.leases);
	EXPECT_EQ(0, seen.pins);
	/* Its own are there. */
	ASSERT_EQ(0, peer_acquire(&inside, 0, 0));
	seen = query_by(&inside, lease_of(&inside));
	EXPECT_EQ(1, seen.leases);
	EXPECT_EQ(1, seen.record.pid);
	/* The other way round all can be seen, under other numbers. */
	seen = query_by(&outside, lease_of(&outside));
	EXPECT_EQ(2, seen.leases);
	EXPECT_EQ(inside.pid, seen.record.pid);
	EXPECT_NE(0, seen.record.comm[0]);
	peer_stop(&inside);
	peer_stop(&outside);
}

/* Root of a container without a user namespace, as many of them are. */
TEST_F(dax, container_root_without_cap_sys_admin)
{
	const struct creds bounded = { .caps = "all=ep cap_sys_admin-ep" };
	struct peer outside, inside, admin;
	struct seen seen;

	start(_metadata, self, &outside, NULL);
	ASSERT_EQ(0, peer_acquire(&outside, 0, 0));
	enter_pidns();
	start(_metadata, self, &inside, &bounded);
	seen = query_by(&inside, lease_of(&inside));
	EXPECT_EQ(0, seen.leases);
	/* With it all is shown, and what has no number there has none. */
	start(_metadata, self, &admin, NULL);
	seen = query_by(&admin, lease_of(&admin));
	EXPECT_EQ(1, seen.leases);
	EXPECT_EQ(0, seen.record.pid);
	EXPECT_NE(0, seen.record.comm[0]);
	EXPECT_STREQ(self->path, seen.path);
	peer_stop(&admin);
	peer_stop(&inside);
	peer_stop(&outside);
}

struct own_fdinfo {
	char text[512];
};

/* Of the lease fd in use. */
static long own_fdinfo(void *arg)
{
	struct own_fdinfo *own = arg;
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%ld", actor_lease_fd(NULL));
	n = read_text(path, own->text, sizeof(own->text));
	return n < 0 ? n : 0;
}

/* A lease that was handed in: what it is, not who is behind it. */
TEST_F(dax, received_lease_from_outside_of_the_pid_namespace)
{
	struct own_fdinfo fdinfo = { "" };
	struct peer outside, inside;
	struct seen seen;

	start(_metadata, self, &outside, &owner);
	ASSERT_EQ(0, peer_acquire(&outside, 0, 0));
	ASSERT_LE(0, peer_pin(&outside, 2, 3, TESTDEV_PIN_WRITE));
	enter_pidns();
	start(_metadata, self, &inside, &other);
	pass_lease(_metadata, &outside, &inside);
	seen = query_by(&inside, lease_of(&inside));
	ASSERT_EQ(1, seen.leases);
	ASSERT_EQ(1, seen.pins);
	EXPECT_EQ(OWNER, seen.record.uid);
	EXPECT_EQ(0, seen.record.pid);
	EXPECT_EQ(0, seen.record.comm[0]);
	EXPECT_EQ(0, seen.pin.pid);
	EXPECT_EQ(0, seen.pin.comm[0]);
	EXPECT_STREQ("testdev", seen.pin.owner);
	ASSERT_EQ(0, peer_call(&inside, own_fdinfo, &fdinfo, sizeof(fdinfo)));
	EXPECT_NE(NULL, strstr(fdinfo.text, "\npin:\t"));
	EXPECT_NE(NULL, strstr(fdinfo.text, " pid=0 "));
	EXPECT_NE(NULL, strstr(fdinfo.text, " comm=\n"));
	/* A pin of its own under it is seen whole. */
	ASSERT_EQ(0, peer_call(&inside, actor_attach, NULL, 0));
	ASSERT_LE(0, peer_pin(&inside, 8, 1, 0));
	seen = query_by(&inside, lease_of(&inside));
	EXPECT_EQ(2, seen.pins);
	EXPECT_EQ(1, seen.pin.pid);
	EXPECT_NE(0, seen.pin.comm[0]);
	peer_stop(&inside);
	peer_stop(&outside);
}

/* Also what has ended is only told where it could be seen before. */
TEST_F(dax, names_of_ended_processes)
{
	struct peer outside, keeper, inside;
	struct seen seen;

	start(_metadata, self, &outside, &owner);
	start(_metadata, self, &keeper, &owner);
	ASSERT_EQ(0, peer_acquire(&outside, 0, 0));
	pass_lease(_metadata, &outside, &keeper);
	enter_pidns();
	start(_metadata, self, &inside, &other);
	pass_lease(_metadata, &outside, &inside);
	peer_stop(&outside);
	seen = query_by(&keeper, lease_of(&keeper));
	EXPECT_EQ(0, seen.record.pid);
	EXPECT_NE(0, seen.record.comm[0]);
	seen = query_by(&inside, lease_of(&inside));
	ASSERT_EQ(1, seen.leases);
	EXPECT_EQ(0, seen.record.pid);
	EXPECT_EQ(0, seen.record.comm[0]);
	peer_stop(&inside);
	peer_stop(&keeper);
}

/* Who lets others attach learns who pins, and so do they. */
TEST_F(dax, pins_of_others_under_a_lease_of_ones_own)
{
	struct peer holder, guest;
	struct seen seen;

	start(_metadata, self, &holder, &owner);
	start(_metadata, self, &guest, &other);
	ASSERT_EQ(0, peer_acquire(&holder, 0, 0));
	pass_lease(_metadata, &holder, &guest);
	ASSERT_EQ(0, peer_call(&guest, actor_attach, NULL, 0));
	ASSERT_LE(0, peer_pin(&guest, 3, 1, 0));
	seen = query_by(&holder, lease_of(&holder));
	ASSERT_EQ(1, seen.pins);
	EXPECT_EQ(OTHER, seen.pin.uid);
	EXPECT_EQ(guest.pid, seen.pin.pid);
	peer_stop(&guest);
	peer_stop(&holder);
}

/* Capabilities in a user namespace do not open the view, ids are mapped. */
TEST_F(dax, user_namespace)
{
	struct peer holder, foreign;
	struct seen seen;
	int ret;

	start(_metadata, self, &holder, &owner);
	start(_metadata, self, &foreign, &other);
	ASSERT_EQ(0, peer_acquire(&holder, 0, 0));
	ret = peer_userns(&foreign, "0 4321 1\n", "0 4321 1\n");
	if (ret == -EOPNOTSUPP)
		SKIP(return, "no user namespaces");
	ASSERT_EQ(0, ret);
	seen = query_by(&foreign, lease_of(&foreign));
	EXPECT_EQ(0, seen.leases);
	pass_lease(_metadata, &holder, &foreign);
	seen = query_by(&foreign, lease_of(&foreign));
	ASSERT_EQ(1, seen.leases);
	EXPECT_EQ(OVERFLOW_UID, seen.record.uid);
	peer_stop(&foreign);

	start(_metadata, self, &foreign, &owner);
	ASSERT_EQ(0, peer_userns(&foreign, "7 1234 1\n", "7 1234 1\n"));
	seen = query_by(&foreign, lease_of(&foreign));
	ASSERT_EQ(1, seen.leases);
	EXPECT_EQ(7, seen.record.uid);
	peer_stop(&foreign);
	peer_stop(&holder);
}

struct file_to_read {
	pid_t pid;
	int fd;
};

static long read_fdinfo(void *arg)
{
	struct file_to_read *file = arg;
	char path[64], text[512];

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", file->pid, file->fd);
	return read_text(path, text, sizeof(text));
}

TEST_F(dax, fdinfo_of_other_users)
{
	struct peer holder, same, stranger;
	struct file_to_read file;

	start(_metadata, self, &holder, NULL);
	ASSERT_EQ(0, peer_acquire(&holder, 0, 0));
	file = (struct file_to_read) { holder.pid, lease_of(&holder) };
	start(_metadata, self, &same, NULL);
	start(_metadata, self, &stranger, &other);
	EXPECT_LT(0, peer_call(&same, read_fdinfo, &file, sizeof(file)));
	EXPECT_EQ(-EACCES, peer_call(&stranger, read_fdinfo, &file, sizeof(file)));
	peer_stop(&stranger);
	peer_stop(&same);
	peer_stop(&holder);
}

TEST_HARNESS_MAIN
