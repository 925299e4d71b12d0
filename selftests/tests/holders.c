// SPDX-License-Identifier: GPL-2.0
/* Who may pin: the one that acquired, those that attach; exec keeps, fork does not. */
#include "actor.h"
#include "dax_fixture.h"

#include <sys/syscall.h>

#define EXEC_PIN	"--pin"

TEST_F(dax, attach_through_an_inherited_lease)
{
	struct peer peer;
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, peer_start_inherit(&peer));
	ASSERT_EQ(0, peer_open(&peer, self->path));
	EXPECT_EQ(-EOPNOTSUPP, peer_pin(&peer, 2, 1, TESTDEV_PIN_WRITE));
	/* The same number there. */
	ASSERT_EQ(0, peer_call(&peer, actor_use_lease, &self->lease, sizeof(self->lease)));
	EXPECT_EQ(-EOPNOTSUPP, peer_pin(&peer, 2, 1, TESTDEV_PIN_WRITE));
	ASSERT_EQ(0, peer_call(&peer, actor_attach, NULL, 0));
	EXPECT_LE(0, peer_pin(&peer, 2, 1, TESTDEV_PIN_WRITE));
	/* The first holder remains one. */
	EXPECT_EQ(0, pin_pages(3, 1, TESTDEV_PIN_WRITE, &id));
	peer_stop(&peer);
}

TEST_F(dax, attach_through_a_received_lease)
{
	struct lease_view view;
	struct peer peer;
	struct stat st;
	int fd;

	acquire_whole();
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_open(&peer, self->path));
	fd = peer_give_fd(&peer, self->lease);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, peer_call(&peer, actor_use_lease, &fd, sizeof(fd)));
	EXPECT_EQ(-EOPNOTSUPP, peer_pin(&peer, 2, 1, TESTDEV_PIN_WRITE));
	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	EXPECT_EQ(1, view.lease.holders);

	ASSERT_EQ(0, peer_call(&peer, actor_attach, NULL, 0));
	EXPECT_LE(0, peer_pin(&peer, 2, 1, TESTDEV_PIN_WRITE));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	EXPECT_EQ(2, view.lease.holders);
	EXPECT_EQ(getpid(), view.lease.pid);
	EXPECT_EQ(1, view.pins);
	EXPECT_EQ(peer.pid, view.pin[0].pid);

	/* Again changes nothing. */
	EXPECT_EQ(0, peer_call(&peer, actor_attach, NULL, 0));
	EXPECT_EQ(0, lease_attach(self->lease));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	EXPECT_EQ(2, view.lease.holders);
	peer_stop(&peer);
}

/* The lease lives as long as one copy of the descriptor. */
TEST_F(dax, first_holder_gone)
{
	struct peer first, second;
	int fd;

	ASSERT_EQ(0, peer_start(&first));
	ASSERT_EQ(0, peer_open(&first, self->path));
	ASSERT_EQ(0, peer_acquire(&first, 0, 0));
	fd = peer_get_fd(&first, peer_call(&first, actor_lease_fd, NULL, 0));
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, peer_start(&second));
	ASSERT_EQ(0, peer_open(&second, self->path));
	fd = peer_give_fd(&second, fd);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, peer_call(&second, actor_use_lease, &fd, sizeof(fd)));
	peer_kill(&first);
	EXPECT_EQ(-EOPNOTSUPP, peer_pin(&second, 2, 1, TESTDEV_PIN_WRITE));
	EXPECT_EQ(0, peer_call(&second, actor_attach, NULL, 0));
	EXPECT_LE(0, peer_pin(&second, 2, 1, TESTDEV_PIN_WRITE));
	peer_stop(&second);
}

static long pin_in_child(void *arg)
{
	struct dax_test *self = *(void **)arg;
	uint32_t id;

	return pin_pages(2, 1, TESTDEV_PIN_WRITE, &id);
}

TEST_F(dax, fork_does_not_pass_it_on)
{
	void *arg = self;
	uint32_t id;

	acquire_whole();
	EXPECT_EQ(-EOPNOTSUPP, in_child(pin_in_child, &arg, sizeof(arg)));
	EXPECT_EQ(0, pin_pages(2, 1, TESTDEV_PIN_WRITE, &id));
	EXPECT_EQ(-EOPNOTSUPP, in_child(pin_in_child, &arg, sizeof(arg)));
}

/* Shares the memory, but is a thread group of its own. */
TEST_F(dax, vfork_does_not_pass_it_on)
{
	volatile int ret = 1;
	uint32_t id;
	pid_t pid;

	acquire_whole();
	pid = vfork();
	if (!pid) {
		ret = pin_pages(2, 1, TESTDEV_PIN_WRITE, &id);
		_exit(0);
	}
	ASSERT_LT(0, pid);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(-EOPNOTSUPP, ret);
}

/* The program that the holder turns into: "--pin FILE" by a mapping of its own. */
static int exec_pin(const char *path)
{
	uint32_t id;
	int fd, dev;
	char *map;

	fd = open(path, O_RDWR);
	dev = testdev_open();
	if (fd < 0 || dev < 0)
		return 100;
	map = file_map(fd, FILE_SIZE, PROT_READ | PROT_WRITE);
	if (!map)
		return 101;
	return -testdev_pin(dev, map, 1, TESTDEV_PIN_WRITE, &id);
}

static int run(struct dax_test *self, bool acquire)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		int lease = open(LEASE_DEV, O_RDWR);

		if (acquire && lease_acquire(lease, self->fd, 0, 0, NULL))
			_exit(102);
		execl("/proc/self/exe", "holders", EXEC_PIN, self->path, NULL);
		_exit(103);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

TEST_F(dax, exec_keeps_it)
{
	EXPECT_EQ(0, run(self, true));
	EXPECT_EQ(EOPNOTSUPP, run(self, false));
	/* Another process's lease does not help. */
	acquire_whole();
	EXPECT_EQ(EOPNOTSUPP, run(self, false));
}

/* Closed by exec, it is gone: the lease lives in the descriptor. */
TEST_F(dax, exec_without_the_descriptor)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		if (lease_acquire(self->lease, self->fd, 0, 0, NULL))
			_exit(102);
		close(self->lease);
		execl("/proc/self/exe", "holders", EXEC_PIN, self->path, NULL);
		_exit(103);
	}
	/* This process has the other copy of it. */
	close(self->lease);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(EOPNOTSUPP, WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], EXEC_PIN))
		return exec_pin(argv[2]);
	return test_harness_run(argc, argv);
}
