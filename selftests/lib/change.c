// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/ext4.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "change.h"

struct change change_of(const char *path, const char *other, off_t off, off_t len)
{
	struct change c = { .off = off, .len = len };

	snprintf(c.path, sizeof(c.path), "%s", path);
	snprintf(c.other, sizeof(c.other), "%s", other ? other : "");
	return c;
}

bool change_missing(long ret)
{
	return ret == -EOPNOTSUPP || ret == -ENOTTY;
}

static int open_rw(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

long change_truncate(void *arg)
{
	struct change *c = arg;

	return truncate(c->path, c->off) ? -errno : 0;
}

long change_ftruncate(void *arg)
{
	struct change *c = arg;
	int fd, ret;

	fd = open_rw(c->path);
	if (fd < 0)
		return fd;
	ret = ftruncate(fd, c->off) ? -errno : 0;
	close(fd);
	return ret;
}

long change_open_trunc(void *arg)
{
	struct change *c = arg;
	int fd;

	fd = open(c->path, O_RDWR | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static long do_fallocate(struct change *c, int mode)
{
	int fd, ret;

	fd = open_rw(c->path);
	if (fd < 0)
		return fd;
	ret = fallocate(fd, mode, c->off, c->len) ? -errno : 0;
	close(fd);
	return ret;
}

long change_punch(void *arg)
{
	return do_fallocate(arg, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
}

long change_zero(void *arg)
{
	return do_fallocate(arg, FALLOC_FL_ZERO_RANGE);
}

long change_collapse(void *arg)
{
	return do_fallocate(arg, FALLOC_FL_COLLAPSE_RANGE);
}

long change_insert(void *arg)
{
	return do_fallocate(arg, FALLOC_FL_INSERT_RANGE);
}

long change_unshare(void *arg)
{
	return do_fallocate(arg, FALLOC_FL_UNSHARE_RANGE);
}

/* No device of persistent memory does it. */
long change_write_zeroes(void *arg)
{
	return do_fallocate(arg, FALLOC_FL_WRITE_ZEROES);
}

long change_allocate(void *arg)
{
	return do_fallocate(arg, 0);
}

/* By mapping, which is another entry to fallocate. */
long change_madv_remove(void *arg)
{
	struct change *c = arg;
	long ret = 0;
	char *map;
	int fd;

	fd = open_rw(c->path);
	if (fd < 0)
		return fd;
	map = mmap(NULL, c->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, c->off);
	if (map == MAP_FAILED) {
		ret = -errno;
		goto out;
	}
	if (madvise(map, c->len, MADV_REMOVE))
		ret = -errno;
	munmap(map, c->len);
out:
	close(fd);
	return ret;
}

/* Runs an ioctl on one file whose argument names the other one. */
typedef int (*pair_fn)(int fd, int other, struct change *c);

static long with_pair(const char *path, const char *other, struct change *c, pair_fn fn)
{
	int fd, fd2, ret;

	fd = open_rw(path);
	if (fd < 0)
		return fd;
	fd2 = open_rw(other);
	ret = fd2 < 0 ? fd2 : fn(fd, fd2, c);
	if (fd2 >= 0)
		close(fd2);
	close(fd);
	return ret;
}

static int clone_range(int dest, int src, struct change *c)
{
	struct file_clone_range range = {
		.src_fd		= src,
		.src_offset	= c->off,
		.src_length	= c->len,
		.dest_offset	= c->off,
	};

	return ioctl(dest, FICLONERANGE, &range) ? -errno : 0;
}

long change_reflink_from(void *arg)
{
	struct change *c = arg;

	return with_pair(c->other, c->path, c, clone_range);
}

long change_reflink_to(void *arg)
{
	struct change *c = arg;

	return with_pair(c->path, c->other, c, clone_range);
}

static int dedupe_range(int src, int dest, struct change *c)
{
	char buf[sizeof(struct file_dedupe_range) + sizeof(struct file_dedupe_range_info)] = { 0 };
	struct file_dedupe_range *range = (void *)buf;

	range->src_offset = c->off;
	range->src_length = c->len;
	range->dest_count = 1;
	range->info[0].dest_fd = dest;
	range->info[0].dest_offset = c->off;
	if (ioctl(src, FIDEDUPERANGE, range))
		return -errno;
	if (range->info[0].status == FILE_DEDUPE_RANGE_DIFFERS)
		return -ESTALE;
	return range->info[0].status;
}

long change_dedupe_from(void *arg)
{
	struct change *c = arg;

	return with_pair(c->path, c->other, c, dedupe_range);
}

long change_dedupe_to(void *arg)
{
	struct change *c = arg;

	return with_pair(c->other, c->path, c, dedupe_range);
}

long change_dax_flag(void *arg)
{
	struct change *c = arg;
	struct fsxattr attr;
	int fd, ret = 0;

	fd = open_rw(c->path);
	if (fd < 0)
		return fd;
	if (ioctl(fd, FS_IOC_FSGETXATTR, &attr)) {
		ret = -errno;
		goto out;
	}
	attr.fsx_xflags ^= FS_XFLAG_DAX;
	if (ioctl(fd, FS_IOC_FSSETXATTR, &attr))
		ret = -errno;
out:
	close(fd);
	return ret;
}

long change_swap_boot(void *arg)
{
	struct change *c = arg;
	int fd, ret;

	fd = open_rw(c->path);
	if (fd < 0)
		return fd;
	ret = ioctl(fd, EXT4_IOC_SWAP_BOOT) ? -errno : 0;
	close(fd);
	return ret;
}

static int move_extent(int fd, int donor, struct change *c)
{
	struct move_extent move = {
		.donor_fd	= donor,
		.orig_start	= c->off / PAGE_SZ,
		.donor_start	= c->off / PAGE_SZ,
		.len		= c->len / PAGE_SZ,
	};

	return ioctl(fd, EXT4_IOC_MOVE_EXT, &move) ? -errno : 0;
}

long change_move_from(void *arg)
{
	struct change *c = arg;

	return with_pair(c->path, c->other, c, move_extent);
}

long change_move_to(void *arg)
{
	struct change *c = arg;

	return with_pair(c->other, c->path, c, move_extent);
}

static long do_write(struct change *c, int flags)
{
	char *buf;
	int fd, ret = 0;

	fd = open(c->path, O_WRONLY | O_CLOEXEC | flags);
	if (fd < 0)
		return -errno;
	buf = calloc(1, c->len);
	if (!buf)
		ret = -ENOMEM;
	else if (pwrite(fd, buf, c->len, c->off) != c->len)
		ret = -errno;
	free(buf);
	close(fd);
	return ret;
}

long change_append(void *arg)
{
	return do_write(arg, O_APPEND);
}

long change_write(void *arg)
{
	return do_write(arg, 0);
}
