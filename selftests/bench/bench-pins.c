// SPDX-License-Identifier: GPL-2.0
/*
 * What do one more pin, one unpin and one verdict cost on a file that has so many
 * pins already, each of a page of its own and none beside another?
 *
 *	bench-pins DIR ON ROUNDS COUNT...	counts in ascending order
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lease.h"
#include "mapped.h"
#include "peer.h"
#include "sample.h"
#include "testdev.h"

#define TRIES		51
/* The device looks its pins up one by one: many descriptors with few pins each. */
#define PER_DEVICE	500

struct pins {
	struct mapped file;
	unsigned long nr;
	int dev;
};

/* Page 2 * n is pinned for each n < nr. */
static char *pinned_page(struct pins *p, unsigned long n)
{
	return p->file.map + 2 * n * PAGE_SZ;
}

static void pin_up_to(struct pins *p, unsigned long count)
{
	uint32_t id;

	for (; p->nr < count; p->nr++) {
		/* Kept until the program ends. */
		if (p->nr % PER_DEVICE == 0)
			p->dev = bench_check(TESTDEV_DEV, testdev_open());
		bench_check("pin", testdev_pin(p->dev, pinned_page(p, p->nr), 1,
					       TESTDEV_PIN_WRITE, &id));
	}
}

/* Somewhere among the pins, at another place each time. */
static unsigned long somewhere(struct pins *p, int try)
{
	return try * 2654435761UL % p->nr;
}

static void pin_and_unpin(struct pins *p, const struct series *series, int round)
{
	uint64_t pin[TRIES], unpin[TRIES], begin;
	uint32_t id;
	char *page;
	int dev, i;

	dev = bench_check(TESTDEV_DEV, testdev_open());
	for (i = 0; i < TRIES; i++) {
		page = pinned_page(p, somewhere(p, i)) + PAGE_SZ;
		begin = bench_now();
		bench_check("pin", testdev_pin(dev, page, 1, TESTDEV_PIN_WRITE, &id));
		pin[i] = bench_now() - begin;
		begin = bench_now();
		bench_check("unpin", testdev_unpin(dev, id));
		unpin[i] = bench_now() - begin;
	}
	close(dev);
	sample(series, "pin", p->nr, round, bench_median(pin, TRIES));
	sample(series, "unpin", p->nr, round, bench_median(unpin, TRIES));
}

/* Of hole punches where pins are, in any process. */
struct refusal {
	char path[PATH_LEN];
	unsigned long pins;
	long expected;
	uint64_t ns;
};

static long refused(void *arg)
{
	struct refusal *r = arg;
	struct pins p = { .nr = r->pins };
	uint64_t ns[TRIES], begin;
	off_t off;
	int fd, i;
	long ret;

	fd = open(r->path, O_RDWR);
	if (fd < 0)
		return -errno;
	for (i = 0; i < TRIES; i++) {
		off = 2 * somewhere(&p, i) * PAGE_SZ;
		begin = bench_now();
		ret = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, PAGE_SZ);
		ns[i] = bench_now() - begin;
		if ((ret ? -errno : 0) != r->expected) {
			close(fd);
			return -EPROTO;
		}
	}
	close(fd);
	r->ns = bench_median(ns, TRIES);
	return 0;
}

static void verdicts(struct pins *p, const struct series *series, struct peer *other, int round)
{
	struct refusal r = { .pins = p->nr };

	snprintf(r.path, sizeof(r.path), "%s", p->file.path);
	r.expected = -ETXTBSY;
	bench_check("refused to others", peer_call(other, refused, &r, sizeof(r)));
	sample(series, "others", p->nr, round, r.ns);
	r.expected = -EDEADLK;
	bench_check("refused to the holder", refused(&r));
	sample(series, "holder", p->nr, round, r.ns);
}

int main(int argc, char **argv)
{
	struct series series = { .bench = "pins" };
	struct pins p = {};
	struct peer other;
	int rounds, lease, round, i;

	if (argc < 5) {
		fprintf(stderr, "usage: bench-pins DIR ON ROUNDS COUNT...\n");
		return 2;
	}
	series.on = argv[2];
	rounds = bench_number(argv[3]);
	bench_check("fork", peer_start(&other));
	mapped_make(&p.file, argv[1], (2 * bench_number(argv[argc - 1]) + 2) * PAGE_SZ, false);
	lease = bench_check("lease", lease_take(p.file.fd));
	for (i = 4; i < argc; i++) {
		pin_up_to(&p, bench_number(argv[i]));
		for (round = 1; round <= rounds; round++) {
			pin_and_unpin(&p, &series, round);
			verdicts(&p, &series, &other, round);
		}
	}
	peer_stop(&other);
	unlink(p.file.path);
	close(lease);
	return 0;
}
