// SPDX-License-Identifier: GPL-2.0
/*
 * SIGKILL at any time leaves nothing behind.
 *
 *	kill_cycles [CYCLES]
 *
 * One process takes the lease, another one attaches to it, pins and has the
 * device write without a pause.  By turns the pinner, the holder or both are
 * killed, at a moment drawn from a fixed seed: counted from the start, so that
 * it hits setting up and registering, or from the first pin, so that it hits
 * transfers.  Another process keeps the filesystem busy.  Each time the file is
 * protected as long as somebody pins it, and then free.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor.h"
#include "change.h"
#include "file.h"
#include "fs.h"
#include "kselftest.h"
#include "lease.h"
#include "rdma.h"
#include "testdev.h"
#include "uring.h"

#define SEED		12345
#define DEFAULT_CYCLES	25
#define PAGES		64UL
#define SIZE		(PAGES * PAGE_SZ)
#define MAX_DELAY_US	30000

enum victim { KILL_PINNER, KILL_HOLDER, KILL_BOTH, VICTIMS };
enum device { DEV_TEST, DEV_RDMA, DEV_URING, DEVICES };

struct cycle {
	const char *path;
	enum victim victim;
	enum device device;
	/* The pinner has no copy of the lease fd: it is orphaned, not inherited. */
	int orphan;
	int after_first_pin;
	unsigned int delay_us;
};

/* How far the pinner has come, in memory that all processes share. */
static volatile struct progress {
	unsigned int pins;
	unsigned int transfers;
} *progress;

static void use_testdev(char *map)
{
	static char buf[SIZE];
	uint32_t id;
	int dev;

	dev = testdev_open();
	while (dev >= 0 && !testdev_pin(dev, map, PAGES, TESTDEV_PIN_WRITE, &id)) {
		progress->pins++;
		for (int i = 0; i < 8; i++)
			progress->transfers += !testdev_write(dev, id, 0, buf, SIZE);
		testdev_unpin(dev, id);
	}
}

static void use_rdma(char *map)
{
	struct ibv_mr *anon_mr, *mr;
	struct rdma r;
	char *anon;

	anon = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (anon == MAP_FAILED || rdma_open(&r, 1))
		return;
	anon_mr = rdma_reg(&r, anon, SIZE, RDMA_ACCESS);
	while (anon_mr && (mr = rdma_reg(&r, map, SIZE, RDMA_ACCESS))) {
		progress->pins++;
		for (int i = 0; i < 8; i++)
			progress->transfers += !rdma_transfer(&r, IBV_WR_RDMA_WRITE, anon_mr,
							      anon, mr, map, SIZE);
		ibv_dereg_mr(mr);
	}
}

static void use_uring(char *map)
{
	struct io_uring ring;
	int zero;

	zero = open("/dev/zero", O_RDONLY);
	if (zero < 0 || uring_open(&ring))
		return;
	while (!uring_reg(&ring, map, SIZE)) {
		progress->pins++;
		for (int i = 0; i < 8; i++)
			progress->transfers += !uring_read(&ring, (struct uring_io){ zero, 0,
							   map, SIZE, 0 });
		io_uring_unregister_buffers(&ring);
	}
}

struct work {
	char path[PATH_LEN];
	int device;
	int orphan;
	int lease;
};

/* Pins and writes until it is killed, or can pin no more. */
static long pinner_work(void *arg)
{
	struct work *work = arg;
	char *map;
	int fd;

	fd = open(work->path, O_RDWR);
	if (fd < 0 || lease_attach(work->lease))
		return -errno;
	if (work->orphan)
		close(work->lease);
	map = file_map(fd, SIZE, PROT_READ | PROT_WRITE);
	if (!map)
		return -errno;
	switch (work->device) {
	case DEV_RDMA:
		use_rdma(map);
		break;
	case DEV_URING:
		use_uring(map);
		break;
	default:
		use_testdev(map);
		break;
	}
	/* Alive until it is killed, as its test expects. */
	for (;;)
		pause();
}

static bool has_pinned(void *arg)
{
	(void)arg;
	return progress->pins;
}

static bool nothing_left(void *arg)
{
	struct daxlease_stats stats;

	(void)arg;
	return !lease_stats(&stats) && !stats.leases && !stats.pins && !stats.pinned_pages;
}

/* A layout change is refused: with an orphan, as long as the pin lives. */
static bool protected(const char *path, bool orphan)
{
	struct change c = change_of(path, NULL, PAGE_SZ, PAGE_SZ);
	long ret;

	ret = in_child(change_punch, &c, sizeof(c));
	return ret == -ETXTBSY || (orphan && !ret);
}

static int start_pair(const struct cycle *cycle, struct peer *holder, struct peer *pinner)
{
	struct work work = { .device = cycle->device, .orphan = cycle->orphan };
	int fd, ret;

	snprintf(work.path, sizeof(work.path), "%s", cycle->path);
	ret = peer_start(holder);
	if (ret)
		return ret;
	ret = peer_start(pinner);
	if (!ret)
		ret = peer_open(holder, cycle->path);
	if (!ret)
		ret = peer_acquire(holder, 0, 0);
	if (ret)
		return ret;
	fd = peer_get_fd(holder, peer_call(holder, actor_lease_fd, NULL, 0));
	if (fd < 0)
		return fd;
	work.lease = peer_give_fd(pinner, fd);
	close(fd);
	if (work.lease < 0)
		return work.lease;
	return peer_post(pinner, pinner_work, &work, sizeof(work));
}

static const char *run_cycle(const struct cycle *cycle)
{
	struct peer holder, pinner;
	struct change c = change_of(cycle->path, NULL, 0, 0);

	if (start_pair(cycle, &holder, &pinner))
		return "cannot start";
	if (cycle->after_first_pin && !wait_until(has_pinned, NULL))
		return "nothing was pinned";
	/* The moment of the kill; nothing depends on what has been reached. */
	usleep(cycle->delay_us);

	if (peer_has_result(&pinner))
		return "the pinner gave up";
	if (!protected(cycle->path, false))
		return "not protected while both live";
	switch (cycle->victim) {
	case KILL_PINNER:
		peer_kill(&pinner);
		if (in_child(change_truncate, &c, sizeof(c)) != -ETXTBSY)
			return "the holder's lease went with the pinner";
		peer_kill(&holder);
		break;
	case KILL_HOLDER:
		peer_kill(&holder);
		if (!protected(cycle->path, cycle->orphan))
			return "not protected after the holder's death";
		peer_kill(&pinner);
		break;
	default:
		kill(holder.pid, SIGKILL);
		kill(pinner.pid, SIGKILL);
		peer_kill(&pinner);
		peer_kill(&holder);
		break;
	}
	if (!wait_until(nothing_left, NULL))
		return "a lease or a pin is left";
	if (change_truncate(&c) || truncate(cycle->path, SIZE))
		return "the file cannot be truncated";
	return NULL;
}

/* Keeps journal, log and writeback busy. */
static pid_t start_load(const char *dir)
{
	char path[PATH_LEN];
	int fd, i = 0;
	pid_t pid;

	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof(path), "%.*s/load", PATH_LEN - 8, dir);
	fd = file_create(path, SIZE, 3);
	for (;;) {
		if (pwrite(fd, path, PAGE_SZ / 32, (i++ % PAGES) * PAGE_SZ) < 0 || fsync(fd) ||
		    ftruncate(fd, (i % PAGES) * PAGE_SZ))
			_exit(1);
	}
}

static void run_fs(const struct dax_fs *fs, int cycles)
{
	unsigned int seed = SEED;
	long long pins = foll_pins();
	char dir[PATH_LEN] = "", path[PATH_LEN];
	unsigned int early = 0, transfers = 0;
	const char *error = NULL;
	int i, fd;
	pid_t load;

	if (!fs_dir(fs) || work_dir_make(fs_dir(fs), dir)) {
		ksft_test_result_skip("%s: %s is not set\n", fs->type, fs->dir_env);
		return;
	}
	snprintf(path, sizeof(path), "%.*s/file", PATH_LEN - 8, dir);
	fd = file_create(path, SIZE, 1);
	close(fd);
	load = start_load(dir);
	ksft_print_msg("%s: %d cycles, seed %u\n", fs->type, cycles, seed);
	for (i = 0; i < cycles && !error; i++) {
		struct cycle cycle = {
			.path		= path,
			.victim		= i % VICTIMS,
			.device		= i / VICTIMS % DEVICES,
			.orphan		= i / (VICTIMS * DEVICES) % 2,
			.after_first_pin = rand_r(&seed) % 4 != 0,
			.delay_us	= rand_r(&seed) % MAX_DELAY_US,
		};

		progress->pins = 0;
		progress->transfers = 0;
		error = run_cycle(&cycle);
		early += !progress->pins;
		transfers += progress->transfers;
		if (error)
			ksft_print_msg("%s: cycle %d, victim %d, device %d, orphan %d, %u us: %s\n",
				       fs->type, i, cycle.victim, cycle.device, cycle.orphan,
				       cycle.delay_us, error);
		else if (i % 100 == 99)
			ksft_print_msg("%s: %d of %d cycles\n", fs->type, i + 1, cycles);
	}
	ksft_print_msg("%s: %u kills before the first pin, %u transfers in all\n", fs->type,
		       early, transfers);
	if (waitpid(load, NULL, WNOHANG) == load)
		error = error ?: "the load did not go on";
	else
		kill(load, SIGKILL);
	waitpid(load, NULL, 0);
	work_dir_remove(dir);
	if (!error && !wait_foll_pins(pins))
		error = "a page is still pinned";
	ksft_test_result(!error, "%s: %d kills leave nothing behind\n", fs->type, i);
}

int main(int argc, char **argv)
{
	int cycles = argc > 1 ? atoi(argv[1]) : DEFAULT_CYCLES;
	int fd;

	ksft_print_header();
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (progress == MAP_FAILED)
		ksft_exit_fail_msg("no memory\n");
	fd = lease_open();
	if (fd < 0)
		ksft_exit_skip("%s: %s\n", LEASE_DEV, strerror(-fd));
	close(fd);
	fd = testdev_open();
	if (fd < 0)
		ksft_exit_skip("%s: %s\n", TESTDEV_DEV, strerror(-fd));
	close(fd);
	ksft_set_plan(2);
	run_fs(&fs_ext4, cycles);
	run_fs(&fs_xfs, cycles);
	ksft_finished();
}
