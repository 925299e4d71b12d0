// SPDX-License-Identifier: GPL-2.0
/*
 * What does a truncate cost?  The test of the 2018 thread on dax_layout_busy_page():
 * the last page of a file of 16 KiB, mapped in its first page, is truncated 100
 * times.  Only the time in ftruncate() counts.
 *
 *	bench-truncate BENCH DIR ON CASE ROUND [leased]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file.h"
#include "lease.h"
#include "sample.h"

#define TRUNCATES	100
#define SIZE		(4 * PAGE_SZ)

static uint64_t truncates(int fd, int nr)
{
	char page[PAGE_SZ] = {};
	uint64_t sum = 0, begin;

	while (nr--) {
		begin = bench_now();
		if (ftruncate(fd, SIZE - PAGE_SZ))
			bench_fail("ftruncate", -errno);
		sum += bench_now() - begin;
		if (pwrite(fd, page, PAGE_SZ, SIZE - PAGE_SZ) != PAGE_SZ)
			bench_fail("pwrite", -errno);
	}
	return sum;
}

int main(int argc, char **argv)
{
	struct series series = {};
	char path[PATH_LEN];
	int round, fd, lease = -1;
	char *map;

	if (argc != 6 && !(argc == 7 && !strcmp(argv[6], "leased"))) {
		fprintf(stderr, "usage: bench-truncate BENCH DIR ON CASE ROUND [leased]\n");
		return 2;
	}
	series.bench = argv[1];
	series.on = argv[3];
	round = bench_number(argv[5]);
	snprintf(path, sizeof(path), "%s/truncate", argv[2]);
	unlink(path);
	fd = bench_check("create", file_create(path, SIZE, 1));
	map = mmap(NULL, PAGE_SZ, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		bench_fail("mmap", -errno);
	map[0] = 1;
	if (argc == 7)
		lease = bench_check("lease", lease_take(fd));

	truncates(fd, TRUNCATES / 10);
	sample(&series, argv[4], TRUNCATES, round, truncates(fd, TRUNCATES));

	if (lease >= 0)
		close(lease);
	munmap(map, PAGE_SZ);
	close(fd);
	return unlink(path) ? 1 : 0;
}
