/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Other files for blocks that a test frees: the filesystem is made scarce of
 * blocks, and filled up when some more are free, so that these are used again.
 */
#ifndef SELFTESTS_FILL_H
#define SELFTESTS_FILL_H

#include <sys/types.h>

#include "util.h"

/*
 * So much is freed, and so much, up to twice, is free besides: most of what can
 * be written then must go to the freed blocks, also where a filesystem keeps
 * some for itself.
 */
#define FILL_VICTIM	(48UL << 20)
#define FILL_ROOM	(16UL << 20)
#define FILL_MAX	128

struct fill {
	char path[PATH_LEN];
	int fd;
	off_t size;
};

/* Takes all blocks but FILL_ROOM to twice of it; 0 or -errno. */
int fill_make_scarce(const char *dir);

/* Writes at most FILL_MAX files until nothing more fits in; their number. */
int fill_up(const char *dir, struct fill *fill);

/* The number of the first file that is not as it was written, or -1. */
int fill_find_corrupted(const struct fill *fill, int nr);

/* Gives all of it back. */
void fill_remove(const char *dir, struct fill *fill, int nr);

#endif
