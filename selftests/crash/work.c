// SPDX-License-Identifier: GPL-2.0
/*
 *	crash/work [-l] EPOCH SEED RESULTS
 *
 * Works on both filesystems until it is ended.  What fsync made durable is told
 * to logs in RESULTS/acks; RESULTS/ready is made once each has done a little; what
 * went wrong is added to RESULTS/problems.
 *
 * With -l it lies: it tells without fsync, and the checks must find that out.  It
 * does then without what frees blocks, as xfs makes durable all that was done
 * before it gives a freed block away.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ack.h"
#include "shared.h"
#include "slot.h"
#include "work.h"

static const struct role {
	const char *name;
	void (*run)(struct worker *w);
	/* So many rounds, and there is something to check. */
	unsigned int ready;
} roles[] = {
	{ "testdev", pinner_testdev, 12 },
	{ "rdma", pinner_rdma, 12 },
	{ "breaker", breaker, 12 },
	/* These free blocks. */
	{ "unlinker", unlinker, 12 },
	{ "churner", churner, 12 },
	{ "giver", holder_giver, 5 },
	{ "giver-changer", changer_of_giver, 5 },
	{ "keeper", holder_keeper, 5 },
	{ "keeper-changer", changer_of_keeper, 2 },
};

#define ROLES		(sizeof(roles) / sizeof(roles[0]))
#define LYING_ROLES	3U
#define FILESYSTEMS	2

static const struct dax_fs * const filesystems[FILESYSTEMS] = { &fs_ext4, &fs_xfs };

static const char *results;
static bool lies;

static unsigned int nr_roles(void)
{
	return lies ? LYING_ROLES : ROLES;
}

void wrong(struct worker *w, const char *format, ...)
{
	char text[512], path[PATH_LEN];
	va_list args;
	int fd, len;

	len = snprintf(text, sizeof(text), "%s: epoch %u: %s: ", w->fs->type, w->epoch, w->role);
	va_start(args, format);
	len += vsnprintf(text + len, sizeof(text) - len - 1, format, args);
	va_end(args);
	if (len > (int)sizeof(text) - 2)
		len = sizeof(text) - 2;
	text[len++] = '\n';
	fwrite(text, 1, len, stderr);
	snprintf(path, sizeof(path), "%s/problems", results);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	_exit(write(fd, text, len) == len ? 1 : 2);
}

unsigned int draw(struct worker *w, unsigned int below)
{
	return rand_r(&w->rnd) % below;
}

void sync_file(struct worker *w, int fd)
{
	if (!w->lies)
		must(w, !fsync(fd));
}

void sync_dir(struct worker *w)
{
	int fd = open(w->dir, O_RDONLY | O_DIRECTORY);

	must(w, fd >= 0);
	sync_file(w, fd);
	close(fd);
}

void name_path(struct worker *w, char *path, const char *name)
{
	snprintf(path, PATH_LEN, "%.*s/%s", PATH_LEN - 40, w->dir, name);
}

int new_file(struct worker *w, const char *name)
{
	char path[PATH_LEN];
	int fd;

	name_path(w, path, name);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	must(w, fd >= 0);
	return fd;
}

void write_page(struct worker *w, int fd, const char *name, unsigned int page, uint32_t turn)
{
	uint64_t buf[SLOT_WORDS];

	slot_fill(buf, slot_key(w->fs->type, w->epoch, name), slot_home(name, page), turn);
	must(w, pwrite(fd, buf, PAGE_SZ, page * PAGE_SZ) == (ssize_t)PAGE_SZ);
}

static void start_role(struct worker *w, const struct role *role)
{
	char acks[PATH_LEN];

	if (fork())
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	w->role = role->name;
	snprintf(acks, sizeof(acks), "%s/acks", results);
	w->log = ack_open(acks, w->fs->type, w->epoch, role->name);
	must(w, w->log >= 0);
	role->run(w);
	for (;;)
		pause();
}

static void *share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory != MAP_FAILED)
		return memory;
	perror("mmap");
	exit(1);
}

static struct shared *new_shared(void)
{
	struct shared *shared = share(sizeof(*shared));
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	for (int i = 0; i < TARGETS; i++)
		pthread_mutex_init(&shared->target[i].lock, &attr);
	for (int i = 0; i < HANDOVERS; i++) {
		sem_init(&shared->handover[i].go, 1, 0);
		sem_init(&shared->handover[i].done, 1, 0);
	}
	return shared;
}

static void start_fs(const struct dax_fs *fs, unsigned int epoch, unsigned int seed,
		     volatile unsigned int *rounds)
{
	struct worker w = { .fs = fs, .role = "start", .epoch = epoch, .lies = lies };
	int fd;

	w.shared = new_shared();
	must(&w, fs_dir(fs));
	snprintf(w.dir, sizeof(w.dir), "%s/e%u", fs_dir(fs), epoch);
	must(&w, !mkdir(w.dir, 0755));
	fd = open(fs_dir(fs), O_RDONLY | O_DIRECTORY);
	must(&w, fd >= 0);
	sync_file(&w, fd);
	close(fd);
	for (unsigned int i = 0; i < nr_roles(); i++) {
		w.rnd = seed + epoch * 100 + i * 10 + (fs == &fs_xfs);
		w.rounds = &rounds[i];
		start_role(&w, &roles[i]);
	}
}

static bool all_are_at_it(volatile unsigned int *rounds)
{
	for (unsigned int i = 0; i < FILESYSTEMS * ROLES; i++) {
		if (i % ROLES < nr_roles() && rounds[i] < roles[i % ROLES].ready)
			return false;
	}
	return true;
}

/* One that ends has failed, and said why unless a signal ended it. */
static int role_ended(int options)
{
	int status;
	pid_t pid;

	pid = waitpid(-1, &status, options);
	if (!pid)
		return 0;
	if (pid > 0 && WIFSIGNALED(status))
		fprintf(stderr, "process %d: %s\n", pid, strsignal(WTERMSIG(status)));
	return 1;
}

int main(int argc, char **argv)
{
	volatile unsigned int *rounds = share(FILESYSTEMS * ROLES * sizeof(*rounds));
	char ready[PATH_LEN];
	unsigned int i;

	lies = argc > 1 && !strcmp(argv[1], "-l");
	if (argc != 4 + lies) {
		fprintf(stderr, "usage: work [-l] EPOCH SEED RESULTS\n");
		return 2;
	}
	argv += lies;
	results = argv[3];
	for (i = 0; i < FILESYSTEMS; i++)
		start_fs(filesystems[i], atoi(argv[1]), atoi(argv[2]), &rounds[i * ROLES]);
	while (!all_are_at_it(rounds)) {
		if (role_ended(WNOHANG))
			return 1;
		usleep(1000);
	}
	printf("# all %u processes are at work\n", FILESYSTEMS * nr_roles());
	fflush(stdout);
	snprintf(ready, sizeof(ready), "%s/ready", results);
	close(open(ready, O_WRONLY | O_CREAT, 0644));
	return role_ended(0);
}
