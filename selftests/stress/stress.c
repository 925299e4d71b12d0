// SPDX-License-Identifier: GPL-2.0
/*
 * Many processes do all that can be done to leased files, at random, while
 * devices write to what they have pinned.  No byte of a device may ever show up
 * in a file that it was not told to write to, and whenever all rest, the
 * module's accounts must be those of the model; see stress.h.
 *
 * A seed decides what each worker does as its n-th operation.  How they meet is
 * up to the scheduler.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "control.h"
#include "lease.h"
#include "rdma.h"
#include "testdev.h"
#include "worker.h"

#define DEFAULT_SEED	1
#define DEFAULT_WORKERS	6
#define DEFAULT_PHASES	4
#define DEFAULT_OPS	300

/* So much is left free on the filesystem. */
#define ROOM		(6UL << 20)
#define FAULTS_SAID	12

struct shared *shm;
int slot = -1;

static struct {
	const char *fs;
	uint64_t seed;
	unsigned int workers;
	unsigned int phases;
	unsigned int ops;
	bool transient;
	bool between;
} option = {
	.seed		= DEFAULT_SEED,
	.workers	= DEFAULT_WORKERS,
	.phases		= DEFAULT_PHASES,
	.ops		= DEFAULT_OPS,
	.transient	= true,
	.between	= true,
};

static const char *const fault_name[FAULTS] = {
	[FAULT_CORRUPTION]	= "CORRUPTION",
	[FAULT_LOST]		= "LOST WRITE",
	[FAULT_ACCOUNT]		= "BROKEN ACCOUNT",
	[FAULT_RULE]		= "BROKEN RULE",
};

static const char *const did_name[DIDS] = {
	[DID_PIN]		= "pins",
	[DID_PIN_REFUSED]	= "pins refused",
	[DID_DEVICE_WRITE]	= "writes of devices",
	[DID_READ_BACK]		= "writes found in the file",
	[DID_CHANGE]		= "layout changes",
	[DID_CHANGE_REFUSED]	= "layout changes refused",
	[DID_VICTIM]		= "victims",
	[DID_VICTIM_CHECK]	= "checks of a victim",
	[DID_PASS]		= "descriptors passed",
	[DID_KILL]		= "kills",
	[DID_CHILD_PIN]		= "pins by children",
	[DID_EXEC]		= "execve",
	[DID_RDMA]		= "memory regions",
	[DID_ORPHAN]		= "leases orphaned",
	[DID_BREAK]		= "breaks that a holder was told of",
	[DID_GIVE_WAY]		= "holders that gave way",
	[DID_PIN_AGAIN]		= "pins after a break",
	[DID_REFUSED_BREAKING]	= "pins refused during a break",
	[DID_INTERRUPT]		= "layout changes interrupted",
	[DID_KILL_WAITING]	= "kills of who waited for holders",
	[DID_REVOKE]		= "pins found to be revoked",
	[DID_REVOKE_RDMA]	= "memory regions among these",
	[DID_OUTLAST]		= "pins that outlived a break",
	[DID_DESERT]		= "holders that left during a break",
	[DID_FORCE]		= "uses of FORCE",
};

/* What led to it, as far as one worker goes. */
static void say_ring(void)
{
	for (int i = RING - 1; i >= 0; i--) {
		const struct ring_entry *e;

		if (me->next_op < (uint64_t)i)
			continue;
		e = &me->ring[(me->next_op - i) % RING];
		printf("#     %llu %s %d %ld %ld = %ld\n", (unsigned long long)e->op,
		       ops[e->what].name, e->object, e->arg[0], e->arg[1], e->ret);
	}
}

void fault(enum fault kind, const char *fmt, ...)
{
	unsigned int n = atomic_fetch_add(&shm->faults[kind], 1);
	char text[512];
	va_list ap;

	if (n >= FAULTS_SAID)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (slot < 0) {
		printf("# %s: %s (seed %llu, after phase %u)\n", fault_name[kind], text,
		       (unsigned long long)shm->seed, shm->phase);
	} else {
		printf("# %s: %s (seed %llu, phase %u, worker %d, operation %llu)\n",
		       fault_name[kind], text, (unsigned long long)shm->seed, me->phase, slot,
		       (unsigned long long)me->next_op);
		if (!n)
			say_ring();
	}
	fflush(stdout);
}

/* Takes all blocks but a few, so that those freed next are used again soon. */
static int make_scarce(const char *dir)
{
	off_t off = 0, chunk = ROOM * 16;
	char path[PATH_LEN];
	int fd, ret = 0;

	snprintf(path, sizeof(path), "%.*s/ballast", PATH_LEN - 16, dir);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	/* What may be used for data is not what statfs() says. */
	while (chunk >= (off_t)PAGE_SZ * 16) {
		if (!fallocate(fd, 0, off, chunk))
			off += chunk;
		else
			chunk /= 2;
	}
	if (off < (off_t)ROOM * 2 || ftruncate(fd, off - ROOM) || syncfs(fd))
		ret = -ENOSPC;
	close(fd);
	return ret;
}

static int shm_make(void)
{
	int fd;

	fd = memfd_create("stress", 0);
	if (fd < 0 || ftruncate(fd, sizeof(*shm)) || dup2(fd, SHM_FD) < 0)
		return -errno;
	close(fd);
	return 0;
}

static int shm_map(void)
{
	shm = mmap(NULL, sizeof(*shm), PROT_READ | PROT_WRITE, MAP_SHARED, SHM_FD, 0);
	return shm == MAP_FAILED ? -errno : 0;
}

static bool have_rdma(void)
{
	struct rdma r;

	if (rdma_open(&r, 1))
		return false;
	rdma_close(&r);
	return true;
}

static int prepare(const struct dax_fs *fs)
{
	const char *nodax = getenv("DAXLEASE_NODAX");
	int i, ret;

	memset(shm, 0, sizeof(*shm));
	shm->seed = option.seed;
	shm->workers = option.workers;
	shm->ops = option.ops;
	shm->xfs = fs->reflink;
	shm->transient = option.transient && nodax;
	shm->rdma = have_rdma();
	snprintf(shm->nodax, sizeof(shm->nodax), "%s", nodax ? nodax : "");
	tag_set_seed(shm->seed);
	for (i = 0; i < LEASES_MAX; i++)
		shm->lease[i].file = -1;
	for (i = 0; i < WORKERS_MAX; i++) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, shm->inbox[i]))
			return -errno;
	}
	ret = work_dir_make(fs_dir(fs), shm->dir);
	return ret ? ret : make_scarce(shm->dir);
}

static void clean(void)
{
	for (int i = 0; i < WORKERS_MAX; i++) {
		close(shm->inbox[i][0]);
		close(shm->inbox[i][1]);
	}
	work_dir_remove(shm->dir);
}

/* A run in which nothing was in danger shows nothing. */
static bool say_what_was_done(void)
{
	uint64_t tried, succeeded;
	bool all = true;

	for (int i = 0; i < DIDS; i++) {
		unsigned long n = atomic_load(&shm->did[i]);

		printf("# %8lu %s\n", n, did_name[i]);
		if (!n && !((i == DID_RDMA || i == DID_REVOKE_RDMA) && !shm->rdma)) {
			printf("# there were no %s: too few operations\n", did_name[i]);
			all = false;
		}
	}
	printf("# succeeded of tried:");
	for (int op = 0; op < nr_ops; op++) {
		tried = 0;
		succeeded = 0;
		for (unsigned int i = 0; i < shm->workers; i++) {
			tried += shm->worker[i].tried[op];
			succeeded += shm->worker[i].succeeded[op];
		}
		if (tried)
			printf(" %s %llu/%llu", ops[op].name, (unsigned long long)succeeded,
			       (unsigned long long)tried);
	}
	printf("\n");
	return all;
}

static void run_fs(const struct dax_fs *fs)
{
	const struct plan plan = {
		.fs		= fs,
		.phases		= option.phases,
		.modules	= option.between ? getenv("DAXLEASE_MODULES") : NULL,
		.remount	= option.between && getenv(fs->dev_env),
	};
	unsigned int faults = 0;
	time_t begun = time(NULL);
	bool ended, enough;
	int ret;

	if (!fs_dir(fs)) {
		ksft_test_result_skip("%s: %s is not set\n", fs->type, fs->dir_env);
		return;
	}
	ret = prepare(fs);
	if (ret) {
		ksft_test_result_fail("%s: cannot prepare: %s\n", fs->type, strerror(-ret));
		return;
	}
	ksft_print_msg("%s: --seed %llu --workers %u --phases %u --ops %u%s%s\n", fs->type,
		       (unsigned long long)option.seed, option.workers, option.phases, option.ops,
		       plan.remount ? ", remounts" : "", plan.modules ? ", reloads" : "");
	fflush(stdout);
	ended = control_run(&plan);
	enough = say_what_was_done();
	for (int i = 0; i < FAULTS; i++) {
		if (shm->faults[i])
			printf("# %s: %u in all\n", fault_name[i], shm->faults[i]);
		faults += shm->faults[i];
	}
	if (ended)
		clean();
	ksft_print_msg("%s: %ld s\n", fs->type, (long)(time(NULL) - begun));
	ksft_test_result(ended && enough && !faults, "%s: stress with seed %llu\n", fs->type,
			 (unsigned long long)option.seed);
}

static unsigned long long number(const char *text, unsigned long long least,
				 unsigned long long most)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 0);

	if (*end || end == text || n < least || n > most)
		ksft_exit_fail_msg("%s: not a number of %llu to %llu\n", text, least, most);
	return n;
}

static void resume(const char *text)
{
	int i = atoi(text);

	if (shm_map())
		_exit(1);
	tag_set_seed(shm->seed);
	control_resume(i);
	_exit(0);
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "fs", required_argument, NULL, 'f' },
		{ "ops", required_argument, NULL, 'o' },
		{ "phases", required_argument, NULL, 'p' },
		{ "workers", required_argument, NULL, 'w' },
		{ "no-transient", no_argument, NULL, 't' },
		{ "no-between", no_argument, NULL, 'b' },
		{ "resume", required_argument, NULL, 'r' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 's':
			option.seed = number(optarg, 0, ~0ULL);
			break;
		case 'f':
			option.fs = optarg;
			break;
		case 'o':
			option.ops = number(optarg, 1, 100000000);
			break;
		case 'p':
			option.phases = number(optarg, 1, 1000000);
			break;
		case 'w':
			option.workers = number(optarg, 2, WORKERS_MAX);
			break;
		case 't':
			option.transient = false;
			break;
		case 'b':
			option.between = false;
			break;
		case 'r':
			resume(optarg);
			break;
		default:
			exit(KSFT_FAIL);
		}
	}
}

static bool wanted(const struct dax_fs *fs)
{
	return !option.fs || !strcmp(option.fs, fs->type);
}

static void need(const char *what, int fd)
{
	if (fd < 0)
		ksft_exit_skip("%s: %s\n", what, strerror(-fd));
	close(fd);
}

int main(int argc, char **argv)
{
	int ret;

	parse(argc, argv);
	ksft_print_header();
	need(LEASE_DEV, lease_open());
	need(TESTDEV_DEV, testdev_open());
	ret = shm_make();
	if (!ret)
		ret = shm_map();
	if (ret)
		ksft_exit_fail_msg("shared memory: %s\n", strerror(-ret));
	ksft_set_plan(wanted(&fs_ext4) + wanted(&fs_xfs));
	if (wanted(&fs_ext4))
		run_fs(&fs_ext4);
	if (wanted(&fs_xfs))
		run_fs(&fs_xfs);
	ksft_finished();
}
