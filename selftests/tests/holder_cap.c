// SPDX-License-Identifier: GPL-2.0
/* One lease can have so many holders, and no more. */
#include "dax_fixture.h"
#include "peer.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	600

/* Documentation/uapi.rst, ATTACH. */
#define MAX_HOLDERS	1024
/* Processes that fork others, and how many each: half as many again. */
#define PARENTS		24
#define CHILDREN	64

/* Shared by all of them. */
struct storm {
	volatile unsigned int ready;
	volatile unsigned int attached;
	volatile unsigned int refused;
	/* Anything but success and ENOSPC. */
	volatile int error;
	/* What all of them wait for ends when the test closes it. */
	int go[2];
};

static void child(struct storm *storm, int lease)
{
	char byte;
	int ret;

	__sync_fetch_and_add(&storm->ready, 1);
	if (read(storm->go[0], &byte, 1))
		storm->error = -EIO;
	ret = lease_attach(lease);
	if (ret && ret != -ENOSPC)
		storm->error = ret;
	__sync_fetch_and_add(ret ? &storm->refused : &storm->attached, 1);
	pause();
	_exit(0);
}

static void parent(struct storm *storm, int lease)
{
	pid_t pid;

	/* All that it forks go with it. */
	setpgid(0, 0);
	close(storm->go[1]);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < CHILDREN; i++) {
		pid = fork();
		if (pid < 0)
			storm->error = -errno;
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			child(storm, lease);
		}
	}
	pause();
	_exit(0);
}

static long attach(void *lease)
{
	return lease_attach(*(int *)lease);
}

/* All want to be holders at once: as many become some as there may be. */
static void rage(struct __test_metadata *_metadata, struct dax_test *self)
{
	struct lease_view view;
	pid_t pids[PARENTS];
	struct storm *storm;
	struct stat st;

	storm = mmap(NULL, sizeof(*storm), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	ASSERT_NE(MAP_FAILED, storm);
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	ASSERT_EQ(0, pipe(storm->go));
	for (int i = 0; i < PARENTS; i++) {
		pids[i] = fork();
		ASSERT_LE(0, pids[i]);
		if (!pids[i])
			parent(storm, self->lease);
		setpgid(pids[i], pids[i]);
	}
	while (storm->ready < PARENTS * CHILDREN && !storm->error)
		usleep(10000);
	close(storm->go[0]);
	close(storm->go[1]);
	while (storm->attached + storm->refused < PARENTS * CHILDREN && !storm->error)
		usleep(10000);
	EXPECT_EQ(0, storm->error);
	/* The one that acquired is a holder, too. */
	EXPECT_EQ(MAX_HOLDERS - 1, storm->attached);
	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	EXPECT_EQ(MAX_HOLDERS, view.lease.holders);
	EXPECT_EQ(-ENOSPC, in_child(attach, &self->lease, sizeof(self->lease)));
	for (int i = 0; i < PARENTS; i++)
		kill(-pids[i], SIGKILL);
	/* To the last one: who has not been waited for has not ended. */
	while (waitpid(-1, NULL, 0) > 0)
		;
	munmap(storm, sizeof(*storm));
}

TEST_F(dax, limit_in_a_storm_of_processes)
{
	uint32_t id;

	acquire_whole();
	rage(_metadata, self);
	/* The first one is what it was, and new ones take the places of those that have ended. */
	EXPECT_EQ(0, pin_pages(2, 1, TESTDEV_PIN_WRITE, &id));
	EXPECT_EQ(0, in_child(attach, &self->lease, sizeof(self->lease)));
}

/* However many there have been: only those that are there count. */
TEST_F(dax, ended_holders_make_room)
{
	acquire_whole();
	for (int i = 0; i < MAX_HOLDERS + 16; i++)
		ASSERT_EQ(0, in_child(attach, &self->lease, sizeof(self->lease)));
}

TEST_HARNESS_MAIN
