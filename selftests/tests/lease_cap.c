// SPDX-License-Identifier: GPL-2.0
/* One user can have so many leases, and no more. */
#include "actor.h"
#include "dax_fixture.h"

#include <sys/resource.h>

#define USER	1234
#define OTHER	4321

/* The module's default; with another value the limit shows, but not where. */
#define DEFAULT_CAP	1024
#define TRIES		(DEFAULT_CAP + 16)

struct result {
	int taken;
	int error;
	int again;
};

static int leases[TRIES];

static long take_all(void *arg)
{
	struct result *result = arg;
	int fd = result->error;
	int i;

	if (setresgid(USER, USER, USER) || setresuid(USER, USER, USER))
		return -errno;
	for (i = 0; i < TRIES; i++) {
		result->error = lease_acquire(leases[i], fd, 0, PAGE_SZ, NULL);
		if (result->error)
			break;
	}
	result->taken = i;
	if (!i || i == TRIES)
		return 0;
	/* One back, one more. */
	result->again = lease_release(leases[0]);
	if (!result->again)
		result->again = lease_acquire(leases[i], fd, 0, PAGE_SZ, NULL);
	return 0;
}

static long take_one(void *arg)
{
	int fd = *(int *)arg;

	if (setresgid(OTHER, OTHER, OTHER) || setresuid(OTHER, OTHER, OTHER))
		return -errno;
	return lease_acquire(leases[0], fd, 0, PAGE_SZ, NULL);
}

TEST_F(dax, limit_per_user)
{
	struct rlimit limit = { TRIES + 64, TRIES + 64 };
	struct result result = { .error = self->fd };
	struct peer peer;
	char path[PATH_LEN];
	int fd;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	other_path(path, "other");
	fd = file_create(path, PAGE_SZ, 1);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fchown(fd, OTHER, OTHER));
	ASSERT_EQ(0, fchown(self->fd, USER, USER));
	for (int i = 0; i < TRIES; i++) {
		leases[i] = lease_open();
		ASSERT_LE(0, leases[i]);
	}
	ASSERT_EQ(0, peer_start_inherit(&peer));
	ASSERT_EQ(0, peer_call(&peer, take_all, &result, sizeof(result)));
	EXPECT_EQ(-ENOSPC, result.error);
	EXPECT_EQ(DEFAULT_CAP, result.taken);
	EXPECT_EQ(0, result.again);

	/* The other users do not notice: the first of these was given back. */
	EXPECT_EQ(0, in_child(take_one, &fd, sizeof(fd)));
	peer_stop(&peer);
}

TEST_HARNESS_MAIN
