/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SELFTESTS_FILE_H
#define SELFTESTS_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "util.h"

/* Contents that tell the file (by its seed) and the offset of each word. */
void pattern_fill(void *buf, size_t len, off_t off, unsigned int seed);
bool pattern_match(const void *buf, size_t len, off_t off, unsigned int seed);

/* A new file, written and synced; its descriptor (read-write) or -errno. */
int file_create(const char *path, size_t size, unsigned int seed);

/* 1 where the range has the pattern, else 0, or -errno. */
int file_matches(int fd, off_t off, size_t len, unsigned int seed);

/* 1 where the range is all zeroes, else 0, or -errno. */
int file_is_zero(int fd, off_t off, size_t len);

/* Maps all of it shared; NULL where that fails. */
void *file_map(int fd, size_t size, int prot);

/* The extent at an offset. */
struct extent {
	uint64_t logical;
	uint64_t physical;
	uint64_t length;
	uint32_t flags;
};

/* 1 and the extent, 0 for a hole, or -errno. */
int file_extent(int fd, off_t off, struct extent *extent);

/* What a refused layout change must leave alone. */
struct snapshot {
	off_t size;
	blkcnt_t blocks;
	struct timespec mtime;
	struct timespec ctime;
	uint64_t contents;
	uint64_t layout;
};

int snapshot_take(const char *path, struct snapshot *snapshot);
bool snapshot_same(const struct snapshot *a, const struct snapshot *b);

#endif
