// SPDX-License-Identifier: GPL-2.0
/*
 * Who may do what.  The file belongs to OWNER, everybody may write to it, and a
 * process of OWNER has a lease on it.  Each test is one row of a table: somebody
 * tries each operation, with descriptors that it was given open.
 */
#include "actor.h"
#include "change.h"
#include "creds.h"
#include "dax_fixture.h"
#include "scan.h"

#include <sched.h>
#include <sys/mount.h>

#define OWNER	1234
#define OTHER	4321

/* What one process gets; what it was given goes in with it. */
struct row {
	/* A file, the lease of OWNER, lease fds without any. */
	int file;
	int lease;
	int empty[2];
	/* A device that pins. */
	int dev;
	/* How the file is open. */
	int flags;

	/* 0 or -errno, by operation. */
	long acquire;
	/* Before ATTACH, and after it. */
	long pin_of_others;
	long attach;
	long pin;
	long release;
	long scan;
	long stats;
	/* Number of leases in a QUERY: on a lease fd of its own, on that of OWNER. */
	long sees;
	long sees_given;
};

static int count_lease(const struct daxlease_record *record, void *arg)
{
	*(long *)arg += record->type == DAXLEASE_RECORD_LEASE;
	return 0;
}

static long leases_seen(int lease)
{
	long count = 0;
	int ret = lease_query(lease, 8192, count_lease, &count);

	return ret ? ret : count;
}

/* Of a page of the file, mapped by who asks. */
static long try_pin(const struct row *row)
{
	char *map = file_map(row->file, PAGE_SZ, PROT_READ | PROT_WRITE);
	uint32_t id;
	long ret;

	if (!map)
		return -errno;
	ret = testdev_pin(row->dev, map, 1, TESTDEV_PIN_WRITE, &id);
	if (!ret && testdev_unpin(row->dev, id))
		ret = -EPROTO;
	munmap(map, PAGE_SZ);
	return ret;
}

static long try_all(void *arg)
{
	struct row *row = arg;
	struct daxlease_stats stats = { .size = sizeof(stats) };
	struct daxlease_scan scan;

	row->scan = scan_busy(row->empty[0], row->file, 0, 0, 0, &scan);
	row->sees = leases_seen(row->empty[0]);
	row->sees_given = leases_seen(row->lease);
	row->stats = ioctl(row->empty[0], DAXLEASE_STATS, &stats) ? -errno : 0;
	row->flags = fcntl(row->file, F_GETFL);
	row->pin_of_others = try_pin(row);
	row->acquire = lease_acquire(row->empty[1], row->file, 0, 0, NULL);
	if (!row->acquire && lease_release(row->empty[1]))
		return -EPROTO;
	row->attach = lease_attach(row->lease);
	row->pin = try_pin(row);
	row->release = lease_release(row->lease);
	return 0;
}

struct scene {
	struct peer owner;
	struct peer actor;
	struct row row;
};

static void set_up(struct __test_metadata *_metadata, struct dax_test *self, struct scene *s)
{
	const struct creds owner = { .uid = OWNER, .gid = OWNER };

	ASSERT_EQ(0, fchown(self->fd, OWNER, OWNER));
	ASSERT_EQ(0, fchmod(self->fd, 0666));
	ASSERT_EQ(0, peer_start(&s->owner));
	ASSERT_EQ(0, peer_open(&s->owner, self->path));
	ASSERT_EQ(0, peer_become(&s->owner, &owner));
	ASSERT_EQ(0, peer_acquire(&s->owner, 0, 0));
	s->row = (struct row) {
		.file = self->fd,
		.lease = peer_get_fd(&s->owner, peer_call(&s->owner, actor_lease_fd, NULL, 0)),
		.empty = { lease_open(), lease_open() },
		.dev = testdev_open(),
	};
	ASSERT_LE(0, s->row.lease);
	ASSERT_LE(0, s->row.empty[0]);
	ASSERT_LE(0, s->row.empty[1]);
	ASSERT_LE(0, s->row.dev);
	ASSERT_EQ(0, peer_start_inherit(&s->actor));
}

/* The actor is who it is to be; expected: what ACQUIRE and a QUERY of its own say. */
static void check_row(struct __test_metadata *_metadata, struct dax_test *self, struct scene *s,
		      long acquire, long sees)
{
	struct change c = change_of(self->path, NULL, PAGE_SZ, 0);
	struct daxlease_stats stats;
	long unmapped = 0;

	ASSERT_EQ(0, peer_call(&s->actor, try_all, &s->row, sizeof(s->row)));
	ASSERT_LE(0, s->row.flags);
	/* What is not open for both cannot be mapped to be written. */
	if (s->row.flags & O_PATH)
		unmapped = -EBADF;
	else if ((s->row.flags & O_ACCMODE) != O_RDWR)
		unmapped = -EACCES;
	EXPECT_EQ(acquire, s->row.acquire);
	EXPECT_EQ(sees, s->row.sees);
	/* Whoever has the lease fd has the lease. */
	EXPECT_EQ(sees ? sees : 1, s->row.sees_given);
	EXPECT_EQ(0, s->row.attach);
	EXPECT_EQ(0, s->row.release);
	/* Nobody may pin who has no lease, and whoever is made a holder may. */
	EXPECT_EQ(unmapped ? unmapped : -EOPNOTSUPP, s->row.pin_of_others);
	EXPECT_EQ(unmapped, s->row.pin);
	EXPECT_EQ(0, s->row.stats);
	/* To look takes no more than an open file. */
	EXPECT_EQ(acquire == -EBADF ? -EBADF : 0, s->row.scan);
	/* Of the actor, who is still there, nothing is left in anybody's way. */
	ASSERT_EQ(0, lease_stats(&stats));
	EXPECT_EQ(0, stats.leases);
	EXPECT_EQ(0, in_child(change_truncate, &c, sizeof(c)));
	peer_stop(&s->actor);
	peer_stop(&s->owner);
}

#define ROW(name, expect_acquire, expect_sees, ...)			\
TEST_F(dax, name)							\
{									\
	const struct creds creds = { __VA_ARGS__ };			\
	struct scene s;							\
									\
	set_up(_metadata, self, &s);					\
	ASSERT_EQ(0, peer_become(&s.actor, &creds));			\
	check_row(_metadata, self, &s, expect_acquire, expect_sees);	\
}

#define ALL_OTHERS	"all=ep cap_lease,cap_sys_admin-ep"

ROW(owner, 0, 1, .uid = OWNER, .gid = OWNER)
ROW(owner_with_another_group, 0, 1, .uid = OWNER, .gid = OTHER)
ROW(another_user, -EACCES, 0, .uid = OTHER, .gid = OTHER)
ROW(another_user_of_the_same_group, -EACCES, 0, .uid = OTHER, .gid = OWNER)
ROW(root, 0, 1, .uid = 0, .gid = 0)
ROW(root_without_capabilities, -EACCES, 0, .uid = 0, .gid = 0, .caps = "=")
ROW(cap_lease, 0, 0, .uid = OTHER, .gid = OTHER, .caps = "cap_lease=ep")
ROW(cap_sys_admin, -EACCES, 1, .uid = OTHER, .gid = OTHER, .caps = "cap_sys_admin=ep")
/* Permitted is not effective. */
ROW(cap_lease_not_raised, -EACCES, 0, .uid = OTHER, .gid = OTHER, .caps = "cap_lease=p")
ROW(all_other_caps, -EACCES, 0, .uid = OTHER, .gid = OTHER, .caps = ALL_OTHERS)
/* A server that acts for OWNER on files. */
ROW(fsuid_of_the_owner, 0, 0, .uid = OTHER, .gid = OTHER, .set_fsuid = true, .fsuid = OWNER)
ROW(other_fsuid, -EACCES, 1, .uid = OWNER, .gid = OWNER, .set_fsuid = true, .fsuid = OTHER)

#define USERNS_ROW(name, expect_acquire, expect_sees, user, uid_map, gid_map) \
TEST_F(dax, name)							\
{									\
	const struct creds creds = { .uid = user, .gid = user };	\
	struct scene s;							\
	int ret;							\
									\
	set_up(_metadata, self, &s);					\
	ASSERT_EQ(0, peer_become(&s.actor, &creds));			\
	ret = peer_userns(&s.actor, uid_map, gid_map);			\
	if (ret == -EOPNOTSUPP)						\
		SKIP(return, "no user namespaces");			\
	ASSERT_EQ(0, ret);						\
	check_row(_metadata, self, &s, expect_acquire, expect_sees);	\
}

/* What a namespace's root may do to files of others ends at the ids mapped into it. */
USERNS_ROW(userns_root_owner_mapped, 0, 0, OTHER,
	   "0 4321 1\n1 1234 1\n", "0 4321 1\n1 1234 1\n")
USERNS_ROW(userns_root_owner_not_mapped, -EACCES, 0, OTHER, "0 4321 1\n", "0 4321 1\n")
USERNS_ROW(userns_root_group_not_mapped, -EACCES, 0, OTHER,
	   "0 4321 1\n1 1234 1\n", "0 4321 1\n")
USERNS_ROW(userns_root_user_not_mapped, -EACCES, 0, OTHER,
	   "0 4321 1\n", "0 4321 1\n1 1234 1\n")
USERNS_ROW(userns_of_the_owner, 0, 1, OWNER, "0 1234 1\n", "0 1234 1\n")
/* It is nobody there, and still the owner. */
USERNS_ROW(userns_owner_not_mapped, 0, 1, OWNER, "0 4321 1\n", "0 4321 1\n")

/* The owner, with another descriptor. */
static void owner_with(struct __test_metadata *_metadata, struct dax_test *self,
		       const char *path, int flags, long acquire)
{
	const struct creds owner = { .uid = OWNER, .gid = OWNER };
	struct scene s;

	set_up(_metadata, self, &s);
	s.row.file = open(path, flags);
	ASSERT_LE(0, s.row.file);
	peer_stop(&s.actor);
	ASSERT_EQ(0, peer_start_inherit(&s.actor));
	ASSERT_EQ(0, peer_become(&s.actor, &owner));
	check_row(_metadata, self, &s, acquire, 1);
	close(s.row.file);
}

TEST_F(dax, owner_read_only_fd)
{
	owner_with(_metadata, self, self->path, O_RDONLY, -EACCES);
}

TEST_F(dax, owner_write_only_fd)
{
	owner_with(_metadata, self, self->path, O_WRONLY, 0);
}

TEST_F(dax, owner_append_fd)
{
	owner_with(_metadata, self, self->path, O_WRONLY | O_APPEND, 0);
}

TEST_F(dax, owner_path_fd)
{
	owner_with(_metadata, self, self->path, O_PATH, -EBADF);
}

/* Root itself: no capability makes up for a descriptor. */
TEST_F(dax, root_read_only_fd)
{
	int fd = open(self->path, O_RDONLY);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EACCES, lease_acquire(self->lease, fd, 0, 0, NULL));
}

struct opened {
	char path[PATH_LEN];
	int flags;
};

static long try_open(void *arg)
{
	struct opened *o = arg;
	int fd = open(o->path, o->flags);

	return fd < 0 ? -errno : fd;
}

/* A file that its owner cannot open for writing. */
TEST_F(dax, owner_of_a_read_only_file)
{
	const struct creds owner = { .uid = OWNER, .gid = OWNER };
	struct opened o = { .flags = O_RDWR };
	struct peer peer;

	memcpy(o.path, self->path, PATH_LEN);
	ASSERT_EQ(0, fchown(self->fd, OWNER, OWNER));
	ASSERT_EQ(0, fchmod(self->fd, 0444));
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_become(&peer, &owner));
	EXPECT_EQ(-EACCES, peer_call(&peer, try_open, &o, sizeof(o)));
	peer_stop(&peer);
	owner_with(_metadata, self, self->path, O_RDONLY, -EACCES);
}

TEST_F(dax, read_only_mount)
{
	char at[PATH_LEN], path[PATH_LEN + 8];

	/* Undone with the namespace, when the test's process ends. */
	ASSERT_EQ(0, unshare(CLONE_NEWNS));
	ASSERT_EQ(0, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	other_path(at, "mount");
	ASSERT_EQ(0, mkdir(at, 0755));
	ASSERT_EQ(0, mount(self->dir, at, NULL, MS_BIND, NULL));
	ASSERT_EQ(0, mount(NULL, at, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	snprintf(path, sizeof(path), "%s/file", at);
	EXPECT_EQ(-1, open(path, O_RDWR));
	EXPECT_EQ(EROFS, errno);
	owner_with(_metadata, self, path, O_RDONLY, -EACCES);
	ASSERT_EQ(0, umount(at));
	ASSERT_EQ(0, rmdir(at));
}

/* A name of one's own does not make it one's own file. */
TEST_F(dax, another_users_link)
{
	const struct creds other = { .uid = OTHER, .gid = OTHER };
	char path[PATH_LEN], link_path[PATH_LEN + 8];
	struct scene s;

	other_path(path, "home");
	ASSERT_EQ(0, mkdir(path, 0700));
	ASSERT_EQ(0, chown(path, OTHER, OTHER));
	snprintf(link_path, sizeof(link_path), "%s/link", path);
	ASSERT_EQ(0, link(self->path, link_path));
	set_up(_metadata, self, &s);
	s.row.file = open(link_path, O_RDWR);
	ASSERT_LE(0, s.row.file);
	peer_stop(&s.actor);
	ASSERT_EQ(0, peer_start_inherit(&s.actor));
	ASSERT_EQ(0, peer_become(&s.actor, &other));
	check_row(_metadata, self, &s, -EACCES, 0);
	ASSERT_EQ(0, unlink(link_path));
	ASSERT_EQ(0, rmdir(path));
}

/*
 * On this mount the files of OWNER are those of OTHER.  It is attached nowhere and
 * goes with its descriptor.
 */
static int idmapped_mount(struct __test_metadata *_metadata, struct dax_test *self)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	struct peer peer;
	char path[64];
	int tree;

	ASSERT_EQ(0, peer_start(&peer));
	if (peer_userns(&peer, "1234 4321 1\n", "1234 4321 1\n") == -EOPNOTSUPP)
		return -EOPNOTSUPP;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", peer.pid);
	attr.userns_fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, (int)attr.userns_fd);
	tree = open_tree(AT_FDCWD, self->dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	ASSERT_LE(0, tree);
	ASSERT_EQ(0, mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)));
	close(attr.userns_fd);
	peer_stop(&peer);
	return tree;
}

static void on_idmapped_mount(struct __test_metadata *_metadata, struct dax_test *self,
			      uid_t uid, long acquire, long sees)
{
	const struct creds creds = { .uid = uid, .gid = uid };
	struct scene s;
	int tree;

	set_up(_metadata, self, &s);
	tree = idmapped_mount(_metadata, self);
	if (tree == -EOPNOTSUPP)
		SKIP(return, "no user namespaces");
	s.row.file = openat(tree, "file", O_RDWR);
	ASSERT_LE(0, s.row.file);
	close(tree);
	peer_stop(&s.actor);
	ASSERT_EQ(0, peer_start_inherit(&s.actor));
	ASSERT_EQ(0, peer_become(&s.actor, &creds));
	check_row(_metadata, self, &s, acquire, sees);
	close(s.row.file);
}

TEST_F(dax, idmapped_mount_owner_there)
{
	on_idmapped_mount(_metadata, self, OTHER, 0, 0);
}

TEST_F(dax, idmapped_mount_owner_elsewhere)
{
	on_idmapped_mount(_metadata, self, OWNER, -EACCES, 1);
}

/* The owner hands out its file, not the right to lease it. */
TEST_F(dax, file_received_from_the_owner)
{
	const struct creds owner = { .uid = OWNER, .gid = OWNER };
	const struct creds other = { .uid = OTHER, .gid = OTHER };
	struct opened o = { .flags = O_RDWR };
	struct peer from;
	struct scene s;
	int fd;

	set_up(_metadata, self, &s);
	/* Nobody else can open it. */
	ASSERT_EQ(0, fchmod(self->fd, 0600));
	memcpy(o.path, self->path, PATH_LEN);
	ASSERT_EQ(0, peer_become(&s.actor, &other));
	EXPECT_EQ(-EACCES, peer_call(&s.actor, try_open, &o, sizeof(o)));
	ASSERT_EQ(0, peer_start(&from));
	ASSERT_EQ(0, peer_become(&from, &owner));
	fd = peer_get_fd(&from, peer_call(&from, try_open, &o, sizeof(o)));
	ASSERT_LE(0, fd);
	s.row.file = peer_give_fd(&s.actor, fd);
	ASSERT_LE(0, s.row.file);
	check_row(_metadata, self, &s, -EACCES, 0);
	peer_stop(&from);
}

/* The way into a process is not a way to its lease: this opens the device anew. */
TEST_F(dax, lease_opened_through_proc)
{
	char path[64];
	int fd;

	acquire_whole();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->lease);
	fd = open(path, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-ENOENT, lease_attach(fd));
	EXPECT_EQ(-ENOENT, lease_release(fd));
	EXPECT_EQ(0, lease_attach(self->lease));
}

/* How it is opened does not matter, it grants nothing. */
TEST_F(dax, device_opened_read_only)
{
	int fd = open(LEASE_DEV, O_RDONLY);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, lease_acquire(fd, self->fd, 0, 0, NULL));
	EXPECT_EQ(0, lease_attach(fd));
	EXPECT_EQ(1, leases_seen(fd));
	EXPECT_EQ(0, lease_release(fd));
	close(fd);
	/* A mere path is not open at all. */
	fd = open(LEASE_DEV, O_PATH);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBADF, lease_acquire(fd, self->fd, 0, 0, NULL));
}

/* Without the udev rule only root gets at the devices. */
TEST_F(dax, device_nodes_belong_to_root)
{
	const struct creds other = { .uid = OTHER, .gid = OTHER };
	struct opened o = { .path = LEASE_DEV, .flags = O_RDWR };
	struct opened t = { .path = TESTDEV_DEV, .flags = O_RDWR };
	struct peer peer;

	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_become(&peer, &other));
	EXPECT_EQ(-EACCES, peer_call(&peer, try_open, &o, sizeof(o)));
	EXPECT_EQ(-EACCES, peer_call(&peer, try_open, &t, sizeof(t)));
	peer_stop(&peer);
}

TEST_HARNESS_MAIN
