// SPDX-License-Identifier: GPL-2.0
/* Layout changes by ioctls of xfs, of which all have some now; its header comes with the kernel. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "change.h"

/* What it takes from elsewhere. */
typedef off_t xfs_off_t;
typedef uint32_t prid_t;
#define __user
#include "xfs_fs.h"

#define XFS_MAGIC	0x58465342

/* Other filesystems may have other ioctls by these numbers. */
static int open_xfs(const char *path)
{
	struct statfs st;
	int fd;

	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!fstatfs(fd, &st) && st.f_type == XFS_MAGIC)
		return fd;
	close(fd);
	return -EOPNOTSUPP;
}

static long exchange(const char *path1, const char *path2, struct change *c)
{
	struct xfs_exchange_range range = {
		.file1_offset	= c->off,
		.file2_offset	= c->off,
		.length		= c->len,
	};
	int fd1, fd2, ret;

	fd1 = open_xfs(path1);
	if (fd1 < 0)
		return fd1;
	fd2 = open_xfs(path2);
	range.file1_fd = fd1;
	if (fd2 < 0)
		ret = fd2;
	else
		ret = ioctl(fd2, XFS_IOC_EXCHANGE_RANGE, &range) ? -errno : 0;
	if (fd2 >= 0)
		close(fd2);
	close(fd1);
	return ret;
}

long change_exchange_1(void *arg)
{
	struct change *c = arg;

	return exchange(c->path, c->other, c);
}

long change_exchange_2(void *arg)
{
	struct change *c = arg;

	return exchange(c->other, c->path, c);
}

/* An exchange that is made if the second file is as it was at first. */
static long commit(const char *path1, const char *path2, struct change *c)
{
	struct xfs_commit_range range = { 0 };
	int fd1, fd2, ret;

	fd1 = open_xfs(path1);
	if (fd1 < 0)
		return fd1;
	fd2 = open_xfs(path2);
	if (fd2 < 0) {
		ret = fd2;
		goto out;
	}
	ret = ioctl(fd2, XFS_IOC_START_COMMIT, &range) ? -errno : 0;
	range.file1_fd = fd1;
	range.file1_offset = c->off;
	range.file2_offset = c->off;
	range.length = c->len;
	if (!ret && ioctl(fd2, XFS_IOC_COMMIT_RANGE, &range))
		ret = -errno;
	close(fd2);
out:
	close(fd1);
	return ret;
}

long change_commit_1(void *arg)
{
	struct change *c = arg;

	return commit(c->path, c->other, c);
}

long change_commit_2(void *arg)
{
	struct change *c = arg;

	return commit(c->other, c->path, c);
}

static long swapext(const char *target, const char *tmp)
{
	struct xfs_swapext sx = { .sx_version = XFS_SX_VERSION };
	struct stat st;
	int fd, fd2, ret;

	fd = open_xfs(target);
	if (fd < 0)
		return fd;
	fd2 = open_xfs(tmp);
	if (fd2 < 0 || fstat(fd, &st)) {
		ret = fd2 < 0 ? fd2 : -errno;
		goto out;
	}
	sx.sx_fdtarget = fd;
	sx.sx_fdtmp = fd2;
	sx.sx_length = st.st_size;
	sx.sx_stat.bs_mtime.tv_sec = st.st_mtim.tv_sec;
	sx.sx_stat.bs_mtime.tv_nsec = st.st_mtim.tv_nsec;
	sx.sx_stat.bs_ctime.tv_sec = st.st_ctim.tv_sec;
	sx.sx_stat.bs_ctime.tv_nsec = st.st_ctim.tv_nsec;
	ret = ioctl(fd, XFS_IOC_SWAPEXT, &sx) ? -errno : 0;
out:
	if (fd2 >= 0)
		close(fd2);
	close(fd);
	return ret;
}

long change_swapext(void *arg)
{
	struct change *c = arg;

	return swapext(c->path, c->other);
}

long change_swapext_tmp(void *arg)
{
	struct change *c = arg;

	return swapext(c->other, c->path);
}

/* More entries to fallocate, of all filesystems. */
static long reserve(struct change *c, unsigned long cmd)
{
	struct xfs_flock64 resv = {
		.l_whence	= SEEK_SET,
		.l_start	= c->off,
		.l_len		= c->len,
	};
	int fd, ret;

	fd = open(c->path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = ioctl(fd, cmd, &resv) ? -errno : 0;
	close(fd);
	return ret;
}

long change_unresvsp(void *arg)
{
	return reserve(arg, XFS_IOC_UNRESVSP64);
}

long change_zero_ioctl(void *arg)
{
	return reserve(arg, XFS_IOC_ZERO_RANGE);
}

/* Builds the block map of the file anew. */
long change_repair(void *arg)
{
	struct change *c = arg;
	struct xfs_scrub_metadata meta = {
		.sm_type	= XFS_SCRUB_TYPE_BMBTD,
		.sm_flags	= XFS_SCRUB_IFLAG_REPAIR | XFS_SCRUB_IFLAG_FORCE_REBUILD,
	};
	int fd, ret;

	fd = open_xfs(c->path);
	if (fd < 0)
		return fd;
	ret = ioctl(fd, XFS_IOC_SCRUB_METADATA, &meta) ? -errno : 0;
	close(fd);
	return ret;
}
