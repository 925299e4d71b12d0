// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "file.h"
#include "fill.h"
#include "fs.h"

#define FILL_SIZE	(1UL << 20)
#define FILL_SEED	1000

static void name_in(char *path, const char *dir, const char *name)
{
	snprintf(path, PATH_LEN, "%.*s/%s", PATH_LEN - 40, dir, name);
}

int fill_make_scarce(const char *dir)
{
	char path[PATH_LEN];
	long long bytes;
	off_t off = 0;
	int fd;

	name_in(path, dir, "ballast");
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return -errno;
	for (;;) {
		bytes = fs_free_blocks(dir) * (long long)PAGE_SZ - (long long)FILL_ROOM;
		if (bytes < (long long)FILL_ROOM)
			break;
		/* Less than is free: some of it is reserved, some is metadata. */
		bytes = bytes / 4 * 3 & -PAGE_SZ;
		if (fallocate(fd, 0, off, bytes))
			break;
		off += bytes;
	}
	close(fd);
	return 0;
}

int fill_up(const char *dir, struct fill *fill)
{
	static char buf[FILL_SIZE];
	ssize_t n = FILL_SIZE;
	int nr;

	for (nr = 0; nr < FILL_MAX && n > 0; nr++) {
		char name[32];

		snprintf(name, sizeof(name), "fill.%d", nr);
		name_in(fill[nr].path, dir, name);
		fill[nr].fd = open(fill[nr].path, O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fill[nr].fd < 0)
			break;
		pattern_fill(buf, FILL_SIZE, 0, FILL_SEED + nr);
		fill[nr].size = 0;
		while (fill[nr].size < (off_t)FILL_SIZE) {
			n = pwrite(fill[nr].fd, buf + fill[nr].size, FILL_SIZE - fill[nr].size,
				   fill[nr].size);
			if (n <= 0)
				break;
			fill[nr].size += n;
		}
	}
	return nr;
}

int fill_find_corrupted(const struct fill *fill, int nr)
{
	for (int i = 0; i < nr; i++) {
		if (file_matches(fill[i].fd, 0, fill[i].size & -8, FILL_SEED + i) != 1)
			return i;
	}
	return -1;
}

void fill_remove(const char *dir, struct fill *fill, int nr)
{
	char path[PATH_LEN];

	for (int i = 0; i < nr; i++) {
		close(fill[i].fd);
		unlink(fill[i].path);
	}
	name_in(path, dir, "ballast");
	unlink(path);
}
