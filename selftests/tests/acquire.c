// SPDX-License-Identifier: GPL-2.0
/* Who may acquire a lease, and on what. */
#include "actor.h"
#include "dax_fixture.h"

#include <linux/fs.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#define OWNER	1234
#define OTHER	4321

static int whole(int lease, int fd)
{
	return lease_acquire(lease, fd, 0, 0, NULL);
}

/* The descriptors are open already: it is the caller that counts. */
struct try {
	int lease;
	int fd;
	uid_t uid;
	const char *caps;
};

static long try_as(void *arg)
{
	struct try *try = arg;
	cap_t caps;

	if (try->caps)
		prctl(PR_SET_KEEPCAPS, 1);
	if (setresgid(try->uid, try->uid, try->uid) || setresuid(try->uid, try->uid, try->uid))
		return -errno;
	if (try->caps) {
		caps = cap_from_text(try->caps);
		if (!caps || cap_set_proc(caps))
			return -ENOTRECOVERABLE;
		cap_free(caps);
	}
	return whole(try->lease, try->fd);
}

#define as(user, text) ({						\
	struct try try = { self->lease, self->fd, user, text };		\
	in_child(try_as, &try, sizeof(try));				\
})

TEST_F(dax, owner)
{
	ASSERT_EQ(0, fchown(self->fd, OWNER, OWNER));
	EXPECT_EQ(0, as(OWNER, NULL));
}

TEST_F(dax, not_owner)
{
	ASSERT_EQ(0, fchown(self->fd, OWNER, OWNER));
	/* Writing to it is not enough. */
	ASSERT_EQ(0, fchmod(self->fd, 0666));
	EXPECT_EQ(-EACCES, as(OTHER, NULL));
	EXPECT_EQ(-EACCES, as(OTHER, "cap_fowner=ep"));
}

TEST_F(dax, not_owner_with_cap_lease)
{
	ASSERT_EQ(0, fchown(self->fd, OWNER, OWNER));
	EXPECT_EQ(0, as(OTHER, "cap_lease=ep"));
}

TEST_F(dax, root)
{
	ASSERT_EQ(0, fchown(self->fd, OWNER, OWNER));
	acquire_whole();
}

TEST_F(dax, root_without_cap_lease)
{
	ASSERT_EQ(0, fchown(self->fd, OWNER, OWNER));
	EXPECT_EQ(-EACCES, as(0, "all=ep cap_lease-ep"));
}

/* All capabilities in a user namespace that has no power over the file. */
static long try_in_userns(void *arg)
{
	struct try *try = arg;

	if (setresgid(try->uid, try->uid, try->uid) || setresuid(try->uid, try->uid, try->uid))
		return -errno;
	if (unshare(CLONE_NEWUSER))
		return -ENOTRECOVERABLE;
	return whole(try->lease, try->fd);
}

TEST_F(dax, cap_lease_in_another_user_namespace)
{
	struct try try = { self->lease, self->fd, OTHER, NULL };
	long ret;

	ret = in_child(try_in_userns, &try, sizeof(try));
	if (ret == -ENOTRECOVERABLE)
		SKIP(return, "no user namespaces");
	EXPECT_EQ(-EACCES, ret);
}

TEST_F(dax, not_open_for_writing)
{
	int fd = open(self->path, O_RDONLY);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EACCES, whole(self->lease, fd));
	/* A refusal leaves the descriptor free. */
	acquire_whole();
}

TEST_F(dax, open_for_writing_only)
{
	int fd = open(self->path, O_WRONLY);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, whole(self->lease, fd));
}

TEST_F(dax, bad_descriptors)
{
	int fd;

	EXPECT_EQ(-EBADF, whole(self->lease, -1));
	EXPECT_EQ(-EBADF, whole(self->lease, -100));
	EXPECT_EQ(-EBADF, whole(self->lease, 1 << 30));
	fd = open(self->path, O_PATH);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBADF, whole(self->lease, fd));
	close(fd);
	EXPECT_EQ(-EBADF, whole(self->lease, fd));
}

TEST_F(dax, wrong_kinds_of_file)
{
	char path[PATH_LEN];
	int fd, pipes[2];

	fd = open(self->dir, O_RDONLY | O_DIRECTORY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EOPNOTSUPP, whole(self->lease, fd));
	close(fd);

	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-EOPNOTSUPP, whole(self->lease, pipes[1]));

	other_path(path, "fifo");
	ASSERT_EQ(0, mkfifo(path, 0600));
	fd = open(path, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EOPNOTSUPP, whole(self->lease, fd));

	fd = open("/dev/null", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EOPNOTSUPP, whole(self->lease, fd));
	close(fd);

	EXPECT_EQ(-EOPNOTSUPP, whole(self->lease, self->lease));

	fd = memfd_create("lease", 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EOPNOTSUPP, whole(self->lease, fd));
	close(fd);

	fd = open(getenv(variant->fs->dev_env) ?: "/dev/pmem0", O_RDWR);
	if (fd >= 0)
		EXPECT_EQ(-EOPNOTSUPP, whole(self->lease, fd));
	acquire_whole();
}

TEST_F(dax, filesystem_without_dax)
{
	const char *dir = getenv("DAXLEASE_NODAX");
	char path[PATH_LEN];
	int fd;

	if (!dir)
		SKIP(return, "DAXLEASE_NODAX is not set");
	snprintf(path, PATH_LEN, "%s/not-dax", dir);
	unlink(path);
	fd = file_create(path, PAGE_SZ, 1);
	ASSERT_LE(0, fd);
	unlink(path);
	EXPECT_EQ(-EOPNOTSUPP, whole(self->lease, fd));
}

TEST_F(dax, one_lease_per_descriptor)
{
	acquire_whole();
	EXPECT_EQ(-EBUSY, whole(self->lease, self->fd));
	EXPECT_EQ(-EBUSY, lease_acquire(self->lease, self->fd, PAGE_SZ, PAGE_SZ, NULL));
	ASSERT_EQ(0, lease_release(self->lease));
	acquire_whole();
}

TEST_F(dax, empty_file)
{
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	acquire_whole();
	EXPECT_EQ(0, ftruncate(self->fd, PAGE_SZ));
}

TEST_F(dax, file_opened_before_its_owner_changed)
{
	struct stat st;

	ASSERT_EQ(0, fstat(self->fd, &st));
	acquire_whole();
	/* Taking it was allowed, so it stays. */
	ASSERT_EQ(0, fchown(self->fd, OTHER, OTHER));
	ASSERT_EQ(0, lease_attach(self->lease));
}

TEST_HARNESS_MAIN
