/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SELFTESTS_FS_H
#define SELFTESTS_FS_H

#include <stdbool.h>

#include "util.h"

/* A filesystem that the guest has mounted in DAX mode. */
struct dax_fs {
	const char *type;
	const char *dir_env;
	const char *dev_env;
	bool reflink;
};

extern const struct dax_fs fs_ext4;
extern const struct dax_fs fs_xfs;

/* Where it is mounted, or NULL. */
const char *fs_dir(const struct dax_fs *fs);

/* 0 or -errno; the mount options are those of the guest's set-up. */
int fs_umount(const struct dax_fs *fs);
int fs_mount(const struct dax_fs *fs);
int fs_remount(const struct dax_fs *fs, bool read_only);

/* Free blocks of PAGE_SZ, counted when the log and deferred frees are done. */
long long fs_free_blocks(const char *dir);

/* A fresh directory for one test, and its end with all that is in it. */
int work_dir_make(const char *parent, char *path);
void work_dir_remove(const char *path);

#endif
