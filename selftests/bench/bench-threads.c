// SPDX-License-Identifier: GPL-2.0
/*
 * Do pins of different files get into each other's way?  Threads pin and unpin a
 * page over and over for a while: one alone, all in one file, each in a file of its
 * own.  Beside them, or alone, another one truncates a file of its own.
 *
 *	bench-threads DIR ON ROUNDS MILLISECONDS THREADS
 *
 * Samples are operations in a second, of all threads that do the same; and how many
 * times as many all threads get done as one does.  What the machine, the system calls
 * and the test device are good for is shown by the same pins of anonymous memory, which
 * no lease has to do with.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lease.h"
#include "mapped.h"
#include "sample.h"
#include "testdev.h"

#define THREADS_MAX	64
#define FILE_SIZE	(64 * PAGE_SZ)

/* What is pinned. */
enum where {
	ONE_FILE,
	OWN_FILE,
	ANONYMOUS,
};

struct work {
	/* A page of the thread's own, or the file to be truncated. */
	char *page;
	struct mapped *file;
	uint64_t done;
};

static atomic_bool stop;
static struct mapped files[THREADS_MAX + 1];
static char *anonymous;

static void *pin_loop(void *arg)
{
	struct work *w = arg;
	uint32_t id;
	int dev;

	dev = bench_check(TESTDEV_DEV, testdev_open());
	for (w->done = 0; !atomic_load_explicit(&stop, memory_order_relaxed); w->done++) {
		bench_check("pin", testdev_pin(dev, w->page, 1, TESTDEV_PIN_WRITE, &id));
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

static void start(struct crowd *c, void *(*loop)(void *))
{
	struct work *w = &c->work[c->nr];

	bench_check("thread", -pthread_create(&c->thread[c->nr++], NULL, loop, w));
}

static void start_pinners(struct crowd *c, int nr, enum where where)
{
	int i;

	for (i = 0; i < nr; i++) {
		char *map = where == ANONYMOUS ? anonymous : files[where == OWN_FILE ? i : 0].map;

		c->work[i].page = map + i * PAGE_SZ;
		start(c, pin_loop);
	}
}

static void start_truncate(struct crowd *c, struct mapped *file)
{
	c->work[0].file = file;
	start(c, truncate_loop);
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

/* Operations of a second by pinning threads; and by one that truncates, if asked for. */
static double run(int pinners, enum where where, int threads, unsigned long ms, double *truncates)
{
	struct crowd pin = {}, trunc = {};
	uint64_t begin, ns;
	double pins;

	stop = false;
	begin = bench_now();
	start_pinners(&pin, pinners, where);
	if (truncates)
		start_truncate(&trunc, &files[threads]);
	usleep(ms * 1000);
	stop = true;
	ns = bench_now() - begin;
	pins = join(&pin) * 1e9 / ns;
	if (truncates)
		*truncates = join(&trunc) * 1e9 / ns;
	return pins;
}

static void round_of(const struct series *series, int round, unsigned long ms, int threads)
{
	const struct series scaling = { .bench = "scaling", .on = series->on };
	double one, file, own, anon_one, anon, alone, beside, beside_anon;

	one = run(1, OWN_FILE, threads, ms, NULL);
	file = run(threads, ONE_FILE, threads, ms, NULL);
	own = run(threads, OWN_FILE, threads, ms, NULL);
	anon_one = run(1, ANONYMOUS, threads, ms, NULL);
	anon = run(threads, ANONYMOUS, threads, ms, NULL);
	run(0, OWN_FILE, threads, ms, &alone);
	run(threads - 1, OWN_FILE, threads, ms, &beside);
	run(threads - 1, ANONYMOUS, threads, ms, &beside_anon);

	sample(series, "one-thread", threads, round, one);
	sample(series, "file", threads, round, file);
	sample(series, "files", threads, round, own);
	sample(series, "truncates-alone", threads, round, alone);
	sample(series, "truncates-beside", threads, round, beside);
	sample(series, "truncates-beside-anonymous", threads, round, beside_anon);
	sample(&scaling, "file", threads, round, file / one);
	sample(&scaling, "files", threads, round, own / one);
	sample(&scaling, "anonymous", threads, round, anon / anon_one);
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
	anonymous = mmap(NULL, threads * PAGE_SZ, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (anonymous == MAP_FAILED)
		bench_fail("mmap", -errno);
	for (round = 1; round <= rounds; round++)
		round_of(&series, round, ms, threads);
	for (i = 0; i <= threads; i++)
		mapped_remove(&files[i]);
	return 0;
}
