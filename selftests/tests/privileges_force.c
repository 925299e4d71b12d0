// SPDX-License-Identifier: GPL-2.0
/*
 * Who may take pins away from others, who hears which processes keep one, and who
 * reads events.  The file belongs to OWNER, and a process of OWNER has a lease on it
 * and a pin that can be revoked.  Each test is one row of a table: somebody tries,
 * with descriptors that it was given open.
 */
#include "actor.h"
#include "change.h"
#include "creds.h"
#include "dax_fixture.h"
#include "event.h"

#include <sched.h>

#define OWNER	1234
#define OTHER	4321

#define PINNED	2
#define MOST	16

static const struct creds owner = { .uid = OWNER, .gid = OWNER };
static const struct creds other = { .uid = OTHER, .gid = OTHER };

/* What one process gets; what it was given goes in with it. */
struct row {
	/* The file, open for reading, the lease of OWNER, a lease fd without one. */
	int file;
	int lease;
	int empty;
	uint64_t pin;

	/* 0 or -errno, with and without DAXLEASE_FORCE_KILL. */
	long force;
	long force_kill;
	/* Number of processes or -errno: on a lease fd of its own, on that of OWNER. */
	long openers;
	long openers_given;
};

static long force(const struct row *row, uint32_t flags, uint64_t off)
{
	struct daxlease_force args = {
		.size = sizeof(args), .fd = row->file, .flags = flags, .offset = off,
	};

	return ioctl(row->empty, DAXLEASE_FORCE, &args) ? -errno : 0;
}

static long openers(int lease, uint64_t pin)
{
	int32_t pids[MOST];
	struct daxlease_openers args = {
		.size = sizeof(args), .pin = pin, .buf = (uintptr_t)pids, .buf_len = sizeof(pids),
	};

	return ioctl(lease, DAXLEASE_OPENERS, &args) ? -errno : (long)args.count;
}

static long try_all(void *arg)
{
	struct row *row = arg;

	row->openers = openers(row->empty, row->pin);
	row->openers_given = openers(row->lease, row->pin);
	/* Behind the file, where there is nobody to be killed. */
	row->force_kill = force(row, DAXLEASE_FORCE_KILL, 1ULL << 40);
	row->force = force(row, 0, 0);
	return 0;
}

struct scene {
	struct peer owner;
	struct peer actor;
	struct row row;
	long pin;
	ino_t ino;
};

/* A process of OWNER with a lease of its file up to its end, and a pin. */
static void start_owner(struct __test_metadata *_metadata, struct dax_test *self,
			struct scene *s)
{
	struct lease_view view;
	struct stat st;

	ASSERT_EQ(0, fchown(self->fd, OWNER, OWNER));
	ASSERT_EQ(0, fchmod(self->fd, 0666));
	ASSERT_EQ(0, peer_start(&s->owner));
	ASSERT_EQ(0, peer_open(&s->owner, self->path));
	ASSERT_EQ(0, peer_become(&s->owner, &owner));
	ASSERT_EQ(0, peer_acquire(&s->owner, 0, FILE_SIZE));
	s->pin = peer_pin(&s->owner, PINNED, 1, TESTDEV_PIN_WRITE | TESTDEV_PIN_REVOCABLE);
	ASSERT_LE(0, s->pin);
	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	ASSERT_EQ(1, view.pins);
	s->row = (struct row) {
		.file = open(self->path, O_RDONLY),
		.lease = peer_get_fd(&s->owner, peer_call(&s->owner, actor_lease_fd, NULL, 0)),
		.empty = lease_open(),
		.pin = view.pin[0].id,
	};
	ASSERT_LE(0, s->row.file);
	ASSERT_LE(0, s->row.lease);
	ASSERT_LE(0, s->row.empty);
}

static void set_up(struct __test_metadata *_metadata, struct dax_test *self, struct scene *s)
{
	start_owner(_metadata, self, s);
	ASSERT_EQ(0, peer_start_inherit(&s->actor));
}

/* The actor is who it is to be. */
static void check_row(struct __test_metadata *_metadata, struct dax_test *self, struct scene *s,
		      long forces, long sees, long sees_given)
{
	(void)self;
	ASSERT_EQ(0, peer_call(&s->actor, try_all, &s->row, sizeof(s->row)));
	EXPECT_EQ(forces, s->row.force);
	EXPECT_EQ(forces, s->row.force_kill);
	EXPECT_EQ(sees, s->row.openers);
	EXPECT_EQ(sees_given, s->row.openers_given);
	/* Nobody is killed, and the pages are gone if and only if it could take them. */
	EXPECT_EQ(forces ? 0 : -EKEYREVOKED, peer_dma(&s->owner, s->pin, 0, 1, 'x'));
	peer_stop(&s->actor);
	peer_stop(&s->owner);
}

#define ROW(name, forces, sees, sees_given, ...)			\
TEST_F(dax, name)							\
{									\
	const struct creds creds = { __VA_ARGS__ };			\
	struct scene s;							\
									\
	set_up(_metadata, self, &s);					\
	ASSERT_EQ(0, peer_become(&s.actor, &creds));			\
	check_row(_metadata, self, &s, forces, sees, sees_given);	\
}

#define ALL_OTHERS	"all=ep cap_sys_admin-ep"

ROW(root, 0, 1, 1, .uid = 0, .gid = 0)
/* Not even the holder itself: it has other ways. */
ROW(the_owner, -EPERM, 1, 1, .uid = OWNER, .gid = OWNER)
/* Whoever has the lease sees that there is a pin, and not who it is that keeps it. */
ROW(another_user, -EPERM, -ENOENT, 0, .uid = OTHER, .gid = OTHER)
ROW(another_user_of_the_same_group, -EPERM, -ENOENT, 0, .uid = OTHER, .gid = OWNER)
ROW(root_without_capabilities, -EPERM, -ENOENT, 0, .uid = 0, .gid = 0, .caps = "=")
ROW(cap_sys_admin, 0, 1, 1, .uid = OTHER, .gid = OTHER, .caps = "cap_sys_admin=ep")
/* Permitted is not effective. */
ROW(cap_sys_admin_not_raised, -EPERM, -ENOENT, 0,
	.uid = OTHER, .gid = OTHER, .caps = "cap_sys_admin=p")
ROW(all_other_caps, -EPERM, -ENOENT, 0, .uid = OTHER, .gid = OTHER, .caps = ALL_OTHERS)
ROW(owner_with_cap_lease, -EPERM, 1, 1, .uid = OWNER, .gid = OWNER, .caps = "cap_lease=ep")

#define USERNS_ROW(name, sees, sees_given, user, map)			\
TEST_F(dax, name)							\
{									\
	const struct creds creds = { .uid = user, .gid = user };	\
	struct scene s;							\
	int ret;							\
									\
	set_up(_metadata, self, &s);					\
	ASSERT_EQ(0, peer_become(&s.actor, &creds));			\
	ret = peer_userns(&s.actor, map, map);				\
	if (ret == -EOPNOTSUPP)						\
		SKIP(return, "no user namespaces");			\
	ASSERT_EQ(0, ret);						\
	check_row(_metadata, self, &s, -EPERM, sees, sees_given);	\
}

/* All capabilities of a namespace are none here, also where the user is the owner. */
USERNS_ROW(userns_root, -ENOENT, 0, OTHER, "0 4321 1\n")
USERNS_ROW(userns_root_owner_mapped, -ENOENT, 0, OTHER, "0 4321 1\n1 1234 1\n")
USERNS_ROW(userns_of_the_owner, 1, 1, OWNER, "0 1234 1\n")
USERNS_ROW(userns_of_root, -ENOENT, 0, 0, "0 0 1\n")

/* Root of a container: not without the capability, and numbers are those of its inside. */
TEST_F(dax, pid_namespace)
{
	const struct creds bounded = { .caps = ALL_OTHERS };
	struct scene s;

	start_owner(_metadata, self, &s);
	if (unshare(CLONE_NEWPID))
		SKIP(return, "no pid namespaces");
	ASSERT_EQ(0, peer_start_inherit(&s.actor));
	ASSERT_EQ(0, peer_become(&s.actor, &bounded));
	check_row(_metadata, self, &s, -EPERM, -ENOENT, 0);
}

TEST_F(dax, pid_namespace_of_the_owner)
{
	struct scene s;

	start_owner(_metadata, self, &s);
	if (unshare(CLONE_NEWPID))
		SKIP(return, "no pid namespaces");
	ASSERT_EQ(0, peer_start_inherit(&s.actor));
	ASSERT_EQ(0, peer_become(&s.actor, &owner));
	check_row(_metadata, self, &s, -EPERM, -ENOENT, 0);
}

/* What has no number there is not counted; an administrator forces all the same. */
TEST_F(dax, pid_namespace_of_root)
{
	struct scene s;

	start_owner(_metadata, self, &s);
	if (unshare(CLONE_NEWPID))
		SKIP(return, "no pid namespaces");
	ASSERT_EQ(0, peer_start_inherit(&s.actor));
	check_row(_metadata, self, &s, 0, 0, 0);
}

/* A process inside, seen from outside: by its number there. */
TEST_F(dax, into_a_pid_namespace)
{
	struct daxlease_openers args = { .size = sizeof(args) };
	int32_t pid = 0;
	struct scene s;

	if (unshare(CLONE_NEWPID))
		SKIP(return, "no pid namespaces");
	start_owner(_metadata, self, &s);
	args.pin = s.row.pin;
	args.buf = (uintptr_t)&pid;
	args.buf_len = sizeof(pid);
	ASSERT_EQ(0, ioctl(s.row.empty, DAXLEASE_OPENERS, &args));
	EXPECT_EQ(1, args.count);
	EXPECT_EQ(s.owner.pid, pid);
	peer_stop(&s.owner);
}

static long read_event(void *arg)
{
	struct daxlease_event event;
	long ret = event_next(*(int *)arg, &event);

	return ret ? ret : (long)event.type;
}

static long nothing_to_read(void *arg)
{
	return event_pending(*(int *)arg);
}

/* Events are of the fd: whoever reads first has them, whoever that is. */
TEST_F(dax, events_by_fd)
{
	struct actor_range range = { .arg = 1 };
	struct peer holder, stranger;
	int there, here, given;
	struct change c;

	c = change_of(self->path, NULL, PINNED * PAGE_SZ, PAGE_SZ);
	ASSERT_EQ(0, fchown(self->fd, OWNER, OWNER));
	ASSERT_EQ(0, peer_start(&holder));
	ASSERT_EQ(0, peer_open(&holder, self->path));
	ASSERT_EQ(0, peer_become(&holder, &owner));
	ASSERT_EQ(0, peer_start(&stranger));
	ASSERT_EQ(0, peer_become(&stranger, &other));
	ASSERT_EQ(0, peer_call(&holder, actor_acquire_breakable, &range, sizeof(range)));
	ASSERT_LE(0, peer_pin(&holder, PINNED, 1, TESTDEV_PIN_WRITE));
	there = peer_call(&holder, actor_lease_fd, NULL, 0);
	here = peer_get_fd(&holder, there);
	ASSERT_LE(0, here);
	given = peer_give_fd(&stranger, here);
	ASSERT_LE(0, given);

	EXPECT_EQ(-ETXTBSY, in_child(change_punch, &c, sizeof(c)));
	EXPECT_EQ(DAXLEASE_EVENT_BREAK, peer_call(&stranger, read_event, &given, sizeof(given)));
	EXPECT_EQ(DAXLEASE_EVENT_RESUMED, peer_call(&holder, read_event, &there, sizeof(there)));
	EXPECT_EQ(0, peer_call(&holder, nothing_to_read, &there, sizeof(there)));
	EXPECT_EQ(0, peer_call(&stranger, nothing_to_read, &given, sizeof(given)));
	/* The device opened anew is none of that. */
	EXPECT_FALSE(event_pending(self->lease));
	peer_stop(&stranger);
	peer_stop(&holder);
}

TEST_HARNESS_MAIN
