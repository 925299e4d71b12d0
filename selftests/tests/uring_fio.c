// SPDX-License-Identifier: GPL-2.0
/*
 * A program that knows nothing of leases: fio with fixed buffers in a DAX file,
 * without a lease and under 'daxlease run'.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "uring.h"

#include <signal.h>
#include <sys/wait.h>

#define BUFFERS	(256 * PAGE_SZ)

static bool have(const char *program)
{
	char command[64];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", program);
	return !system(command);
}

/* Starts it: writes, and reads back what it has written, with a checksum. */
static pid_t start_fio(const char *path, const char *data, bool lease, const char *runtime)
{
	char iomem[PATH_LEN + 32], filename[PATH_LEN + 32];
	const char *argv[32];
	int argc = 0;
	pid_t pid;

	snprintf(iomem, sizeof(iomem), "--iomem=mmapshared:%s", path);
	snprintf(filename, sizeof(filename), "--filename=%s", data);
	if (lease) {
		argv[argc++] = "daxlease";
		argv[argc++] = "run";
		argv[argc++] = path;
		argv[argc++] = "--";
	}
	argv[argc++] = "fio";
	argv[argc++] = "--name=fixed";
	argv[argc++] = "--thread";
	argv[argc++] = "--ioengine=io_uring";
	argv[argc++] = "--fixedbufs=1";
	argv[argc++] = "--rw=randrw";
	argv[argc++] = "--verify=crc32c";
	argv[argc++] = "--verify_fatal=1";
	argv[argc++] = "--bs=16k";
	argv[argc++] = "--iodepth=8";
	argv[argc++] = "--size=2m";
	argv[argc++] = "--direct=1";
	argv[argc++] = runtime;
	argv[argc++] = iomem;
	argv[argc++] = filename;
	argv[argc] = NULL;

	pid = fork();
	if (!pid) {
		alarm(100);
		execvp(argv[0], (char **)argv);
		_exit(127);
	}
	return pid;
}

static bool pinned_by_a_ring(void *arg)
{
	struct dax_test *self = arg;
	struct lease_view view;
	struct stat st;

	return !fstat(self->fd, &st) && lease_view_ino(self->lease, st.st_ino, &view) == 1 &&
	       view.pins && view.pin[0].kind == DAXLEASE_PIN_IO_URING;
}

static int status_of(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#define fio_or_skip() do {						\
	if (uring_missing())						\
		SKIP(return, "io_uring: %s", uring_missing());		\
	if (!have("fio") || !have("daxlease") || !getenv("DAXLEASE_NODAX")) \
		SKIP(return, "fio, daxlease or DAXLEASE_NODAX is missing"); \
	snprintf(data, sizeof(data), "%s/fio", getenv("DAXLEASE_NODAX")); \
	unlink(data);							\
	ASSERT_EQ(0, ftruncate(self->fd, BUFFERS));			\
} while (0)

TEST_F(dax, without_a_lease)
{
	char data[PATH_LEN];

	fio_or_skip();
	EXPECT_NE(0, status_of(start_fio(self->path, data, false, "--loops=1")));
	unlink(data);
}

TEST_F(dax, with_a_lease)
{
	char data[PATH_LEN];

	fio_or_skip();
	EXPECT_EQ(0, status_of(start_fio(self->path, data, true, "--loops=1")));
	EXPECT_TRUE(wait_leases(0, 0));
	unlink(data);
}

TEST_F(dax, killed)
{
	struct change c = change_of(self->path, NULL, 0, PAGE_SZ);
	char data[PATH_LEN];
	pid_t pid;

	fio_or_skip();
	pid = start_fio(self->path, data, true, "--loops=1000000");
	EXPECT_TRUE(wait_until(pinned_by_a_ring, self));
	EXPECT_EQ(-ETXTBSY, in_child(change_punch, &c, sizeof(c)));
	EXPECT_EQ(-ETXTBSY, in_child(change_truncate, &c, sizeof(c)));
	EXPECT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(-SIGKILL, status_of(pid));
	EXPECT_TRUE(wait_leases(0, 0));
	EXPECT_EQ(0, in_child(change_truncate, &c, sizeof(c)));
	unlink(data);
}

TEST_HARNESS_MAIN
