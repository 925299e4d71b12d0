// SPDX-License-Identifier: GPL-2.0
/*
 * Do pins of different files get into each other's way?  Threads pin and unpin a
 * page over and over for a while: one alone, all in one file, each in a file of its
 * own.  Beside them, or alone, another one truncates a file of its own.
 *
 *	bench-threads DIR ON ROUNDS MILLISECONDS THREADS
 *
 * Samples are operations in a second, of all threads that do the same.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lease.h"
#include "mapped.h"
#include "sample.h"
#include "testdev.h"

#define THREADS_MAX	64
#define FILE_SIZE	(64 * PAGE_SZ)

struct work {
	struct mapped *file;
	/* A page of the thread's own. */
	unsigned long page;
	uint64_t done;
};

static atomic_bool stop;
static struct mapped files[THREADS_MAX + 1];

static void *pin_loop(void *arg)
{
	struct work *w = arg;
	char *page = w->file->map + w->page * PAGE_SZ;
	uint32_t id;
	int dev;

	dev = bench_check(TESTDEV_DEV, testdev_open());
	for (w->done = 0; !atomic_load_explicit(&stop, memory_order_relaxed); w->done++) {
		bench_check("pin", testdev_pin(dev, page, 1, TESTDEV_PIN_WRITE, &id));
		bench_check("unpin", testdev_unpin(dev, id));
	}
	close(dev);
	return NULL;
}

static void *truncate_loop(void *arg)
{
	struct work *w = arg;
	char page[PAGE_SZ] = {};

	for (w->done = 0; !atomic_load_explicit(&stop, memory_order_relaxed); w->done++) {
		if (ftruncate(w->file->fd, FILE_SIZE - PAGE_SZ))
			bench_fail("ftruncate", -errno);
		if (pwrite(w->file->fd, page, PAGE_SZ, FILE_SIZE - PAGE_SZ) != PAGE_SZ)
			bench_fail("pwrite", -errno);
	}
	return NULL;
}

struct crowd {
	pthread_t thread[THREADS_MAX];
	struct work work[THREADS_MAX];
	int nr;
};

static void start(struct crowd *c, int nr, void *(*loop)(void *), bool own_file, int first_file)
{
	int i;

	c->nr = nr;
	for (i = 0; i < nr; i++) {
		c->work[i].file = &files[first_file + (own_file ? i : 0)];
		c->work[i].page = i;
		bench_check("thread", -pthread_create(&c->thread[i], NULL, loop, &c->work[i]));
	}
}

static uint64_t join(struct crowd *c)
{
	uint64_t done = 0;
	int i;

	for (i = 0; i < c->nr; i++) {
		pthread_join(c->thread[i], NULL);
		done += c->work[i].done;
	}
	return done;
}

/* Operations of a second by pinning threads, and by one that truncates. */
static void run(int pinners, bool own_file, bool truncate, int threads, unsigned long ms,
		double *pins, double *truncates)
{
	struct crowd pin = {}, trunc = {};
	uint64_t begin, ns;

	stop = false;
	begin = bench_now();
	start(&pin, pinners, pin_loop, own_file, 0);
	start(&trunc, truncate, truncate_loop, true, threads);
	usleep(ms * 1000);
	stop = true;
	ns = bench_now() - begin;
	*pins = join(&pin) * 1e9 / ns;
	*truncates = join(&trunc) * 1e9 / ns;
}

static void round_of(const struct series *series, int round, unsigned long ms, int threads)
{
	double pins, truncates;

	run(1, true, false, threads, ms, &pins, &truncates);
	sample(series, "one-thread", threads, round, pins);
	run(threads, false, false, threads, ms, &pins, &truncates);
	sample(series, "file", threads, round, pins);
	run(threads, true, false, threads, ms, &pins, &truncates);
	sample(series, "files", threads, round, pins);
	run(0, true, true, threads, ms, &pins, &truncates);
	sample(series, "truncates-alone", threads, round, truncates);
	run(threads - 1, true, true, threads, ms, &pins, &truncates);
	sample(series, "truncates-beside", threads, round, truncates);
}

int main(int argc, char **argv)
{
	struct series series = { .bench = "threads" };
	unsigned long ms;
	int rounds, round, threads, i;

	if (argc != 6) {
		fprintf(stderr, "usage: bench-threads DIR ON ROUNDS MILLISECONDS THREADS\n");
		return 2;
	}
	series.on = argv[2];
	rounds = bench_number(argv[3]);
	ms = bench_number(argv[4]);
	threads = bench_number(argv[5]);
	if (threads < 2 || threads > THREADS_MAX)
		bench_fail("threads", -ERANGE);
	for (i = 0; i <= threads; i++) {
		char dir[PATH_LEN];

		snprintf(dir, sizeof(dir), "%s/threads.%d", argv[1], i);
		if (mkdir(dir, 0700) && errno != EEXIST)
			bench_fail(dir, -errno);
		mapped_make(&files[i], dir, FILE_SIZE, false);
		/* Not the file that is truncated: its truncates are what others do. */
		if (i < threads)
			bench_check("lease", lease_take(files[i].fd));
	}
	for (round = 1; round <= rounds; round++)
		round_of(&series, round, ms, threads);
	for (i = 0; i <= threads; i++)
		mapped_remove(&files[i]);
	return 0;
}
