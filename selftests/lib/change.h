/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The layout changes that ext4 and xfs know, each as one call on a path, so
 * that any process can be told to try it.
 */
#ifndef SELFTESTS_CHANGE_H
#define SELFTESTS_CHANGE_H

#include <stdbool.h>
#include <sys/types.h>

#include "fs.h"
#include "peer.h"

struct change {
	/* The file, and another one of the same size where two are needed. */
	char path[PATH_LEN];
	char other[PATH_LEN];
	off_t off;
	off_t len;
};

/* All of these take a struct change and return 0 or -errno. */
long change_truncate(void *arg);
long change_ftruncate(void *arg);
long change_open_trunc(void *arg);
long change_punch(void *arg);
long change_zero(void *arg);
long change_collapse(void *arg);
long change_insert(void *arg);
long change_unshare(void *arg);
long change_unresvsp(void *arg);
long change_zero_ioctl(void *arg);
long change_madv_remove(void *arg);
long change_write_zeroes(void *arg);
long change_reflink_from(void *arg);
long change_reflink_to(void *arg);
long change_dedupe_from(void *arg);
long change_dedupe_to(void *arg);
long change_exchange_1(void *arg);
long change_exchange_2(void *arg);
long change_commit_1(void *arg);
long change_commit_2(void *arg);
long change_swapext(void *arg);
long change_swapext_tmp(void *arg);
long change_dax_flag(void *arg);
long change_swap_boot(void *arg);
long change_move_from(void *arg);
long change_move_to(void *arg);
long change_repair(void *arg);

/* Not changes: what is to work beside any pin. */
long change_allocate(void *arg);
long change_append(void *arg);
long change_write(void *arg);

/* Does an errno say that the filesystem does not have the operation? */
bool change_missing(long ret);

struct change change_of(const char *path, const char *other, off_t off, off_t len);

#endif
