// SPDX-License-Identifier: GPL-2.0
/*
 * How long does it take to tell a truncate that it may not?  The last page of a
 * file that is mapped as a whole is pinned under a lease, and is to be truncated:
 * by others (ETXTBSY) and by the holder (EDEADLK).  Beside it, for the same file in
 * the same state, the search for a busy page that stock Linux begins with.
 *
 *	bench-verdict DIR ON 4k|2m ROUNDS MIB...
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "change.h"
#include "lease.h"
#include "mapped.h"
#include "peer.h"
#include "sample.h"
#include "scan/scan_uapi.h"
#include "testdev.h"

#define TRIES	25

/* In any process: the median time of a truncate that is refused. */
struct refusal {
	struct change change;
	long expected;
	uint64_t ns;
};

static long refused(void *arg)
{
	struct refusal *r = arg;
	uint64_t ns[TRIES], begin;
	off_t size = r->change.off;
	int fd, i;
	long ret;

	fd = open(r->change.path, O_RDWR);
	if (fd < 0)
		return -errno;
	for (i = 0; i < TRIES; i++) {
		begin = bench_now();
		ret = ftruncate(fd, size) ? -errno : 0;
		ns[i] = bench_now() - begin;
		if (ret != r->expected) {
			close(fd);
			return ret ? ret : -EPROTO;
		}
	}
	close(fd);
	r->ns = bench_median(ns, TRIES);
	return 0;
}

static double search(int scan_dev, struct mapped *m)
{
	struct scan_file scan = { .fd = m->fd };

	if (ioctl(scan_dev, SCAN_FILE, &scan))
		bench_fail("scan", -errno);
	if (!scan.busy)
		bench_fail("the pinned page was not found", -EPROTO);
	return scan.ns;
}

/* How many pages the pin of one holds: whether the entries are what they should be. */
static void verify_entries(bool huge)
{
	uint64_t pages = lease_pinned_pages();

	if (pages != (huge ? HUGE_SZ / PAGE_SZ : 1)) {
		fprintf(stderr, "bench-verdict: a pin of one page holds %llu\n",
			(unsigned long long)pages);
		bench_fail(huge ? "entries of 2 MiB" : "entries of 4 KiB", -ENOTSUP);
	}
}

static void measure(const struct series *series, const char *dir, size_t mib, bool huge,
		    int rounds, struct peer *other, int scan_dev)
{
	struct refusal r = {};
	struct mapped m;
	int lease, dev, round;
	uint32_t id;

	mapped_make(&m, dir, mib << 20, huge);
	lease = bench_check("lease", lease_take(m.fd));
	dev = bench_check(TESTDEV_DEV, testdev_open());
	bench_check("pin", testdev_pin(dev, m.map + m.size - PAGE_SZ, 1, TESTDEV_PIN_WRITE, &id));
	verify_entries(huge);

	r.change = change_of(m.path, "", m.size - PAGE_SZ, 0);
	for (round = 1; round <= rounds; round++) {
		/* The search of the round before has unmapped it. */
		mapped_touch(&m);
		r.expected = -ETXTBSY;
		bench_check("refused to others", peer_call(other, refused, &r, sizeof(r)));
		sample(series, "others", m.size, round, r.ns);
		r.expected = -EDEADLK;
		bench_check("refused to the holder", refused(&r));
		sample(series, "holder", m.size, round, r.ns);
		sample(series, "search", m.size, round, search(scan_dev, &m));
	}
	bench_check("unpin", testdev_unpin(dev, id));
	close(dev);
	close(lease);
	mapped_remove(&m);
}

int main(int argc, char **argv)
{
	struct series series = {};
	struct peer other;
	int rounds, scan_dev, i;
	bool huge;

	if (argc < 6 || (strcmp(argv[3], "4k") && strcmp(argv[3], "2m"))) {
		fprintf(stderr, "usage: bench-verdict DIR ON 4k|2m ROUNDS MIB...\n");
		return 2;
	}
	huge = !strcmp(argv[3], "2m");
	series.bench = huge ? "verdict-2m" : "verdict-4k";
	series.on = argv[2];
	rounds = bench_number(argv[4]);
	scan_dev = open("/dev/daxlease-scan", O_RDWR | O_CLOEXEC);
	if (scan_dev < 0)
		bench_fail("/dev/daxlease-scan", -errno);
	bench_check("fork", peer_start(&other));
	for (i = 5; i < argc; i++)
		measure(&series, argv[1], bench_number(argv[i]), huge, rounds, &other, scan_dev);
	peer_stop(&other);
	return 0;
}
