// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fs.h"

const struct dax_fs fs_ext4 = {
	.type		= "ext4",
	.dir_env	= "DAXLEASE_EXT4",
	.dev_env	= "DAXLEASE_EXT4_DEV",
};

const struct dax_fs fs_xfs = {
	.type		= "xfs",
	.dir_env	= "DAXLEASE_XFS",
	.dev_env	= "DAXLEASE_XFS_DEV",
	.reflink	= true,
};

const char *fs_dir(const struct dax_fs *fs)
{
	return getenv(fs->dir_env);
}

int fs_umount(const struct dax_fs *fs)
{
	return umount2(fs_dir(fs), 0) ? -errno : 0;
}

int fs_mount(const struct dax_fs *fs)
{
	const char *dev = getenv(fs->dev_env);

	if (!dev)
		return -ENODEV;
	return mount(dev, fs_dir(fs), fs->type, 0, "dax=always") ? -errno : 0;
}

int fs_remount(const struct dax_fs *fs, bool read_only)
{
	unsigned long flags = MS_REMOUNT | (read_only ? MS_RDONLY : 0);

	return mount(NULL, fs_dir(fs), NULL, flags, "dax=always") ? -errno : 0;
}

long long fs_free_blocks(const char *dir)
{
	struct statvfs st;
	int fd;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	syncfs(fd);
	close(fd);
	if (statvfs(dir, &st))
		return -errno;
	return (long long)st.f_bfree * (long long)st.f_frsize / (long long)PAGE_SZ;
}

int work_dir_make(const char *parent, char *path)
{
	snprintf(path, PATH_LEN, "%s/test.XXXXXX", parent);
	if (!mkdtemp(path))
		return -errno;
	/* Tests that give up root come here too. */
	return chmod(path, 0755) ? -errno : 0;
}

void work_dir_remove(const char *path)
{
	struct dirent *entry;
	DIR *dir;

	if (!path[0])
		return;
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	closedir(dir);
	rmdir(path);
}
