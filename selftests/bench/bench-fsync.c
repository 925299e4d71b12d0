// SPDX-License-Identifier: GPL-2.0
/*
 * What does an fsync cost beside pins?  Of a file that is mapped as a whole, and of
 * which the CPU has written one page: with nothing pinned, all of it pinned for
 * reading, and all of it pinned for writing, which has it flushed each time.
 *
 *	bench-fsync DIR ON ROUNDS MIB...
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lease.h"
#include "mapped.h"
#include "sample.h"
#include "testdev.h"

#define TRIES	5

static double fsyncs(struct mapped *m)
{
	uint64_t ns[TRIES], begin;
	int i;

	/* What pinning has left dirty. */
	if (fsync(m->fd))
		bench_fail("fsync", -errno);
	for (i = 0; i < TRIES; i++) {
		m->map[0]++;
		begin = bench_now();
		if (fsync(m->fd))
			bench_fail("fsync", -errno);
		ns[i] = bench_now() - begin;
	}
	return bench_median(ns, TRIES);
}

static double pinned(struct mapped *m, uint32_t flags)
{
	uint32_t id;
	double ns;
	int dev;

	dev = bench_check(TESTDEV_DEV, testdev_open());
	bench_check("pin", testdev_pin(dev, m->map, m->size / PAGE_SZ, flags, &id));
	ns = fsyncs(m);
	close(dev);
	return ns;
}

int main(int argc, char **argv)
{
	struct series series = { .bench = "fsync" };
	int rounds, round, lease, i;
	struct mapped m;

	if (argc < 5) {
		fprintf(stderr, "usage: bench-fsync DIR ON ROUNDS MIB...\n");
		return 2;
	}
	series.on = argv[2];
	rounds = bench_number(argv[3]);
	for (i = 4; i < argc; i++) {
		mapped_make(&m, argv[1], bench_number(argv[i]) << 20, false);
		lease = bench_check("lease", lease_take(m.fd));
		for (round = 1; round <= rounds; round++) {
			sample(&series, "unpinned", m.size, round, fsyncs(&m));
			sample(&series, "read", m.size, round, pinned(&m, 0));
			sample(&series, "write", m.size, round, pinned(&m, TESTDEV_PIN_WRITE));
		}
		close(lease);
		mapped_remove(&m);
	}
	return 0;
}
