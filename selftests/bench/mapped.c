// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mapped.h"
#include "sample.h"

static void map_at(struct mapped *m, char *at)
{
	m->map = mmap(at, m->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, m->fd, 0);
	if (m->map == MAP_FAILED)
		bench_fail("mmap", -errno);
}

static void fill(struct mapped *m)
{
	char *buf = calloc(1, HUGE_SZ);
	size_t off, len;

	if (!buf)
		bench_fail("calloc", -ENOMEM);
	/* At once, so that the blocks are as contiguous as can be. */
	if (fallocate(m->fd, 0, 0, m->size))
		bench_fail("fallocate", -errno);
	for (off = 0; off < m->size; off += len) {
		len = m->size - off < HUGE_SZ ? m->size - off : HUGE_SZ;
		if (pwrite(m->fd, buf, len, off) != (ssize_t)len)
			bench_fail("pwrite", -errno);
	}
	free(buf);
	if (fsync(m->fd))
		bench_fail("fsync", -errno);
}

void mapped_make(struct mapped *m, const char *dir, size_t size, bool huge)
{
	char *reserved;

	snprintf(m->path, sizeof(m->path), "%s/mapped.%d", dir, getpid());
	unlink(m->path);
	m->size = size;
	m->fd = open(m->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (m->fd < 0)
		bench_fail(m->path, -errno);
	fill(m);

	/* An address that is no multiple of 2 MiB makes each entry one of 4 KiB. */
	reserved = mmap(NULL, size + 2 * HUGE_SZ, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (reserved == MAP_FAILED)
		bench_fail("mmap", -errno);
	reserved = (char *)(((uintptr_t)reserved + HUGE_SZ - 1) & -HUGE_SZ);
	map_at(m, reserved + (huge ? 0 : PAGE_SZ));
	mapped_touch(m);
}

void mapped_touch(struct mapped *m)
{
	volatile char *at;
	size_t off;

	for (off = 0; off < m->size; off += PAGE_SZ) {
		at = m->map + off;
		*at = *at;
	}
}

void mapped_again(struct mapped *m)
{
	map_at(m, m->map);
}

void mapped_remove(struct mapped *m)
{
	munmap(m->map, m->size);
	close(m->fd);
	unlink(m->path);
}
