// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "creds.h"
#include "file.h"
#include "lease.h"
#include "testdev.h"
#include "world.h"

/* So often a layout change is sent a signal. */
#define SIGNAL_US	2000

static const struct creds user = { .uid = WORLD_USER, .gid = WORLD_USER };

/* Takes a number for a descriptor; for one that could not be had, none. */
static void settle(int fd, enum fdkind kind)
{
	if (fd < 0)
		return;
	dup2(fd, FILE_FD + kind);
	close(fd);
}

static int make_file(struct world *world, int nr, uid_t owner)
{
	struct stat st;
	int fd;

	snprintf(world->path[nr], PATH_LEN, "%.*s/file%d", PATH_LEN - 8, world->dir, nr);
	fd = file_create(world->path[nr], WORLD_SIZE, nr);
	if (fd < 0)
		return fd;
	if (fchown(fd, owner, owner) || fchmod(fd, 0666) || fstat(fd, &st))
		return -errno;
	world->ino[nr] = st.st_ino;
	settle(fd, nr);
	return 0;
}

static void make_fds(struct world *world)
{
	const char *nodax = getenv("DAXLEASE_NODAX");
	const char *dev = getenv(world->fs->dev_env);
	char path[PATH_LEN];
	int pair[2];

	settle(open(world->path[0], O_RDONLY), FD_RDONLY);
	settle(open(world->path[0], O_WRONLY), FD_WRONLY);
	settle(open(world->path[1], O_WRONLY | O_APPEND), FD_APPEND);
	settle(open(world->path[0], O_PATH), FD_PATH);
	settle(open(world->dir, O_RDONLY | O_DIRECTORY), FD_DIR);
	if (!pipe(pair)) {
		/* Nobody reads from it, but somebody could. */
		dup2(pair[0], NO_FD - 2);
		close(pair[0]);
		settle(pair[1], FD_PIPE);
	}
	if (!socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) {
		close(pair[0]);
		settle(pair[1], FD_SOCKET);
	}
	settle(eventfd(0, 0), FD_EVENTFD);
	settle(epoll_create1(0), FD_EPOLL);
	settle(memfd_create("fuzz", 0), FD_MEMFD);
	settle(open("/dev/null", O_RDWR), FD_NULL);
	settle(open("/proc/self/oom_score_adj", O_RDWR), FD_PROC);
	if (nodax) {
		snprintf(path, sizeof(path), "%s/fuzz", nodax);
		settle(open(path, O_RDWR | O_CREAT, 0600), FD_NODAX);
		unlink(path);
	}
	if (dev)
		settle(open(dev, O_RDWR), FD_BLOCKDEV);
}

int world_make(struct world *world, const struct dax_fs *fs)
{
	const char *mount = fs_dir(fs);
	int ret;

	memset(world, 0, sizeof(*world));
	world->fs = fs;
	if (!mount)
		return -ENODEV;
	ret = work_dir_make(mount, world->dir);
	for (int nr = 0; !ret && nr < NR_FILES; nr++)
		ret = make_file(world, nr, nr == FD_FILE2 ? 0 : WORLD_USER);
	if (ret)
		return ret;
	if (unlink(world->path[FD_FILE3]))
		return -errno;
	make_fds(world);
	/* As the udev rule would have it. */
	if (chmod(LEASE_DEV, 0666) || chmod(TESTDEV_DEV, 0666))
		return -errno;
	return 0;
}

static char *map_file(char *at, int nr, int prot, int flags)
{
	return mmap(at, WORLD_SIZE, prot, flags | MAP_FIXED, FILE_FD + nr, 0);
}

/* Memory without access, and some behind it. */
static char *map_nothing(size_t size, int flags)
{
	return mmap(NULL, size + 4 * PAGE_SZ, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | flags,
		    -1, 0);
}

static int map_areas(struct world *world)
{
	char **area = world->area;
	char *mixed;

	for (int i = 0; i < NR_AREAS; i++) {
		area[i] = map_nothing(MIXED_PAGES * PAGE_SZ, 0);
		if (area[i] == MAP_FAILED)
			return -ENOMEM;
	}
	mixed = area[AREA_MIXED];
	if (mprotect(mixed, MIXED_END * PAGE_SZ, PROT_READ | PROT_WRITE) ||
	    map_file(mixed + MIXED_FILE0 * PAGE_SZ, FD_FILE0, PROT_READ | PROT_WRITE,
		     MAP_SHARED) == MAP_FAILED ||
	    map_file(mixed + MIXED_FILE1 * PAGE_SZ, FD_FILE1, PROT_READ | PROT_WRITE,
		     MAP_SHARED) == MAP_FAILED ||
	    map_file(area[AREA_RDONLY], FD_FILE0, PROT_READ, MAP_SHARED) == MAP_FAILED ||
	    map_file(area[AREA_PRIVATE], FD_FILE0, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE) == MAP_FAILED ||
	    map_file(area[AREA_FILE2], FD_FILE2, PROT_READ | PROT_WRITE,
		     MAP_SHARED) == MAP_FAILED)
		return -errno;
	area[AREA_KERNEL] = (char *)0xffff888000000000;
	world->dax_buf = map_nothing(DAX_BUF_PAGES * PAGE_SZ, MAP_32BIT);
	if (world->dax_buf == MAP_FAILED)
		return -ENOMEM;
	world->dax_buf = mmap(world->dax_buf, DAX_BUF_PAGES * PAGE_SZ, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_FIXED, FILE_FD + FD_FILE1, DAX_BUF_PAGE * PAGE_SZ);
	return world->dax_buf == MAP_FAILED ? -ENOMEM : 0;
}

int world_enter(struct world *world, bool root)
{
	sigset_t sigio;
	int ret;

	world->root = root;
	ret = peer_start_inherit(&world->peer);
	/* All threads inherit that. */
	sigemptyset(&sigio);
	sigaddset(&sigio, SIGIO);
	sigprocmask(SIG_BLOCK, &sigio, NULL);
	if (!ret && !root)
		ret = peer_become(&world->peer, &user);
	if (!ret && !root)
		ret = creds_become(&user);
	if (!ret)
		ret = map_areas(world);
	world->compat = compat_works();
	return ret;
}

/* Whatever was done to them, the files can be changed again. */
static int check_files(void)
{
	int ret = 0;

	for (int nr = 0; nr < NR_FILES; nr++) {
		if (ftruncate(FILE_FD + nr, PAGE_SZ) || ftruncate(FILE_FD + nr, 0)) {
			printf("# file%d cannot be truncated: %s\n", nr, strerror(errno));
			ret = -errno;
		}
	}
	return ret;
}

int world_end(struct world *world)
{
	int ret = 0;

	if (!wait_leases(0, 0)) {
		printf("# a lease or a pin is left\n");
		ret = -EBUSY;
	}
	if (check_files())
		ret = -EBUSY;
	close_range(FILE_FD, NO_FD, 0);
	work_dir_remove(world->dir);
	chmod(LEASE_DEV, 0600);
	chmod(TESTDEV_DEV, 0600);
	return ret;
}

int world_fd(enum fdkind kind, int slot)
{
	switch (kind) {
	case FD_LEASE:
		return LEASE_FD + slot;
	case FD_TESTDEV:
		return DEV_FD;
	case FD_CLOSED:
		return NO_FD;
	case FD_MINUS_1:
		return -1;
	case FD_INT_MIN:
		return INT_MIN;
	case FD_INT_MAX:
		return INT_MAX;
	default:
		return FILE_FD + kind;
	}
}

long world_change(int file, enum change what, off_t off, off_t len)
{
	static const int modes[] = {
		[CHANGE_PUNCH] = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		[CHANGE_ZERO] = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
		[CHANGE_COLLAPSE] = FALLOC_FL_COLLAPSE_RANGE,
		[CHANGE_INSERT] = FALLOC_FL_INSERT_RANGE,
		[CHANGE_ALLOCATE] = FALLOC_FL_KEEP_SIZE,
	};
	int fd = FILE_FD + file;
	long ret;

	switch (what) {
	case CHANGE_TRUNCATE:
		ret = ftruncate(fd, off);
		break;
	case CHANGE_WRITE:
		ret = pwrite(fd, &off, sizeof(off), off) < 0 ? -1 : 0;
		break;
	case CHANGE_FSYNC:
		ret = fsync(fd);
		break;
	default:
		ret = fallocate(fd, modes[what], off, len);
		break;
	}
	return ret ? -errno : 0;
}

struct foreign {
	int file;
	enum change what;
	off_t off;
	off_t len;
	bool signals;
};

static void wake(int sig)
{
	(void)sig;
}

static long foreign_change(void *arg)
{
	const struct itimerval every = { { 0, SIGNAL_US }, { 0, SIGNAL_US } }, never = { 0 };
	struct sigaction action = { .sa_handler = wake };
	struct foreign *f = arg;
	long ret;

	if (!f->signals)
		return world_change(f->file, f->what, f->off, f->len);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	ret = world_change(f->file, f->what, f->off, f->len);
	setitimer(ITIMER_REAL, &never, NULL);
	return ret;
}

long world_foreign_change(struct world *world, int file, enum change what, off_t off, off_t len,
			  bool signals)
{
	struct foreign f = { file, what, off, len, signals };

	return peer_call(&world->peer, foreign_change, &f, sizeof(f));
}

static long attach_and_close(void *arg)
{
	int fd = *(int *)arg;
	long ret = lease_attach(fd);

	close(fd);
	return ret;
}

long world_give(struct world *world, int fd)
{
	int there = peer_give_fd(&world->peer, fd);

	return there < 0 ? there : peer_call(&world->peer, attach_and_close, &there, sizeof(there));
}
