// SPDX-License-Identifier: GPL-2.0
/* One user can have so many leases, and no more. */
#include "actor.h"
#include "creds.h"
#include "dax_fixture.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* More than a thousand processes take some time. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	600

#define USER	1234
#define OTHER	4321

/* The module's default. */
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
	EXPECT_EQ(lease_parameter("DAXLEASE_MAX_LEASES_PER_USER", DEFAULT_CAP), result.taken);
	EXPECT_EQ(0, result.again);

	/* The other users do not notice: the first of these was given back. */
	EXPECT_EQ(0, in_child(take_one, &fd, sizeof(fd)));
	peer_stop(&peer);
}

/*
 * Many processes of the user at once.  Together they want half as much again as
 * there may be.
 */
#define STORM_PROCS	24
#define STORM_LEASES	(DEFAULT_CAP * 3 / 2 / STORM_PROCS)
#define STORM_ROUNDS	20

/* Shared by all of them. */
struct storm {
	volatile bool go;
	volatile bool stop;
	volatile unsigned int ready;
	volatile unsigned int done;
	unsigned int taken[STORM_PROCS];
	/* Anything but success and ENOSPC. */
	volatile int error;
	int fd;
	bool churn;
	bool userns;
};

static void storm_take(struct storm *storm, unsigned int nr, const int *fds)
{
	for (int i = 0; i < STORM_LEASES; i++) {
		int ret = lease_acquire(fds[i], storm->fd, 0, PAGE_SZ, NULL);

		if (!ret)
			storm->taken[nr]++;
		else if (ret != -ENOSPC)
			storm->error = ret;
		if (!ret && storm->churn && lease_release(fds[i]))
			storm->error = -EPROTO;
	}
}

/* A user namespace for every other one: the user is the same in all. */
static void storm_process(struct storm *storm, unsigned int nr)
{
	const struct creds user = { .uid = USER, .gid = USER };
	int fds[STORM_LEASES];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < STORM_LEASES; i++)
		fds[i] = lease_open();
	if (creds_become(&user) || (storm->userns && nr % 2 && unshare(CLONE_NEWUSER)))
		storm->error = -EPERM;
	__sync_fetch_and_add(&storm->ready, 1);
	while (!storm->go)
		sched_yield();
	do {
		storm_take(storm, nr, fds);
	} while (storm->churn && !storm->stop);
	__sync_fetch_and_add(&storm->done, 1);
	pause();
	_exit(0);
}

static void storm_start(struct __test_metadata *_metadata, struct storm *storm, pid_t *pids)
{
	storm->go = false;
	storm->stop = false;
	storm->ready = 0;
	storm->done = 0;
	memset(storm->taken, 0, sizeof(storm->taken));
	for (unsigned int nr = 0; nr < STORM_PROCS; nr++) {
		pids[nr] = fork();
		ASSERT_LE(0, pids[nr]);
		if (!pids[nr])
			storm_process(storm, nr);
	}
	while (storm->ready < STORM_PROCS)
		usleep(1000);
	storm->go = true;
}

static void storm_kill(const pid_t *pids)
{
	for (unsigned int nr = 0; nr < STORM_PROCS; nr++)
		kill(pids[nr], SIGKILL);
	for (unsigned int nr = 0; nr < STORM_PROCS; nr++)
		waitpid(pids[nr], NULL, 0);
}

/* Looks again and again, while it lasts: there are never more. */
static void storm_watch(struct __test_metadata *_metadata, struct storm *storm,
			unsigned int looks)
{
	struct daxlease_stats stats;

	do {
		ASSERT_EQ(0, lease_stats(&stats));
		ASSERT_GE(DEFAULT_CAP, stats.leases);
	} while (storm->churn ? looks-- : storm->done < STORM_PROCS);
}

static void storm_full(struct __test_metadata *_metadata, struct dax_test *self, bool userns)
{
	struct rlimit limit = { TRIES + 64, TRIES + 64 };
	struct result result = { .error = self->fd };
	unsigned int taken = 0;
	struct storm *storm;
	pid_t pids[STORM_PROCS];
	struct peer peer;

	storm = mmap(NULL, sizeof(*storm), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, storm);
	storm->fd = self->fd;
	storm->userns = userns;
	ASSERT_EQ(0, fchown(self->fd, USER, USER));

	/* All keep what they get: the limit, to the last one. */
	storm_start(_metadata, storm, pids);
	storm_watch(_metadata, storm, 0);
	for (unsigned int nr = 0; nr < STORM_PROCS; nr++)
		taken += storm->taken[nr];
	EXPECT_EQ(DEFAULT_CAP, taken);
	storm_kill(pids);
	EXPECT_TRUE(wait_leases(0, 0));

	/* All take and give back, and are killed in the middle of it. */
	storm->churn = true;
	for (int round = 0; round < STORM_ROUNDS; round++) {
		storm_start(_metadata, storm, pids);
		storm_watch(_metadata, storm, 20);
		storm_kill(pids);
		ASSERT_TRUE(wait_leases(0, 0));
	}
	EXPECT_EQ(0, storm->error);

	/* The count is back where it was: the whole limit is there again. */
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	for (int i = 0; i < TRIES; i++) {
		leases[i] = lease_open();
		ASSERT_LE(0, leases[i]);
	}
	ASSERT_EQ(0, peer_start_inherit(&peer));
	ASSERT_EQ(0, peer_call(&peer, take_all, &result, sizeof(result)));
	EXPECT_EQ(-ENOSPC, result.error);
	EXPECT_EQ(DEFAULT_CAP, result.taken);
	peer_stop(&peer);
}

TEST_F(dax, limit_in_a_storm_of_processes)
{
	storm_full(_metadata, self, false);
}

TEST_F(dax, limit_in_a_storm_of_user_namespaces)
{
	if (access("/proc/self/ns/user", F_OK))
		SKIP(return, "no user namespaces");
	storm_full(_metadata, self, true);
}

TEST_HARNESS_MAIN
