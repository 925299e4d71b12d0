// SPDX-License-Identifier: GPL-2.0
/*
 * How much memory does the module need for a pinned page?  What it allocates for
 * pins is charged to the memory cgroup of the process that pins; what the test
 * device does is not.
 *
 *	bench-memory DIR ON ROUNDS PAGES
 *
 * Runs in a memory cgroup of its own below the one at /sys/fs/cgroup.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lease.h"
#include "mapped.h"
#include "sample.h"
#include "testdev.h"

#define GROUP		"/sys/fs/cgroup/daxlease-bench"
#define PER_DEVICE	500

static void enter_group(void)
{
	char pid[16];

	bench_check("memory cgroups",
		    write_text("/sys/fs/cgroup/cgroup.subtree_control", "+memory"));
	if (mkdir(GROUP, 0700) && errno != EEXIST)
		bench_fail(GROUP, -errno);
	snprintf(pid, sizeof(pid), "%d", getpid());
	bench_check(GROUP, write_text(GROUP "/cgroup.procs", pid));
}

/* Bytes of the kernel that are charged to the group. */
static long kernel_bytes(void)
{
	static char text[1 << 14];
	char *at;

	bench_check(GROUP, read_text(GROUP "/memory.stat", text, sizeof(text)));
	at = strstr(text, "\nkernel ");
	if (!at)
		bench_fail("memory.stat has no 'kernel'", -EPROTO);
	return atol(at + strlen("\nkernel "));
}

/* Every other page of the file, one beside the other: a mapping for each. */
static char *alternating(struct mapped *m, unsigned long pages)
{
	char *map;
	unsigned long i;

	bench_check("max_map_count", write_text("/proc/sys/vm/max_map_count", "1000000"));
	map = mmap(NULL, pages * PAGE_SZ, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		bench_fail("mmap", -errno);
	for (i = 0; i < pages; i++) {
		if (mmap(map + i * PAGE_SZ, PAGE_SZ, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, m->fd, 2 * i * PAGE_SZ) == MAP_FAILED)
			bench_fail("mmap", -errno);
		map[i * PAGE_SZ] = 0;
	}
	return map;
}

/* In one pin; returns the bytes for a page. */
static double one_pin(char *addr, unsigned long pages)
{
	long before, after;
	uint32_t id;
	int dev;

	dev = bench_check(TESTDEV_DEV, testdev_open());
	before = kernel_bytes();
	bench_check("pin", testdev_pin(dev, addr, pages, TESTDEV_PIN_WRITE, &id));
	after = kernel_bytes();
	close(dev);
	return (double)(after - before) / pages;
}

/* Each page by a pin of its own, none beside another. */
static double separate_pins(char *addr, unsigned long pages)
{
	int dev[pages / PER_DEVICE + 1];
	unsigned long i;
	long before, after;
	uint32_t id;

	for (i = 0; i <= pages / PER_DEVICE; i++)
		dev[i] = bench_check(TESTDEV_DEV, testdev_open());
	before = kernel_bytes();
	for (i = 0; i < pages; i++)
		bench_check("pin", testdev_pin(dev[i / PER_DEVICE], addr + 2 * i * PAGE_SZ, 1,
					       TESTDEV_PIN_WRITE, &id));
	after = kernel_bytes();
	for (i = 0; i <= pages / PER_DEVICE; i++)
		close(dev[i]);
	return (double)(after - before) / pages;
}

int main(int argc, char **argv)
{
	struct series series = { .bench = "memory" };
	unsigned long pages;
	struct mapped m;
	int rounds, round, lease;
	char *other;

	if (argc != 5) {
		fprintf(stderr, "usage: bench-memory DIR ON ROUNDS PAGES\n");
		return 2;
	}
	series.on = argv[2];
	rounds = bench_number(argv[3]);
	pages = bench_number(argv[4]);
	enter_group();
	mapped_make(&m, argv[1], 2 * pages * PAGE_SZ, false);
	other = alternating(&m, pages);
	for (round = 1; round <= rounds; round++) {
		lease = bench_check("lease", lease_take(m.fd));
		sample(&series, "contiguous", pages, round, one_pin(m.map, pages));
		sample(&series, "alternating", pages, round, one_pin(other, pages));
		sample(&series, "separate", pages, round, separate_pins(m.map, pages));
		close(lease);
	}
	mapped_remove(&m);
	return 0;
}
