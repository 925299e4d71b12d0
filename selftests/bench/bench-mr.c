// SPDX-License-Identifier: GPL-2.0
/*
 * How long does it take to register a memory region of anonymous memory, with
 * the module loaded and not?  Not a test: scripts/guest/bench-mr.sh runs it.
 *
 *	bench-mr TURNS ROUNDS UNLOAD LOAD
 *
 * UNLOAD and LOAD are shell commands.  A turn is ROUNDS registrations of each
 * size with the module out, then as many with it in, all of the same memory in
 * the same process: what differs is the module alone.  The sizes take turns
 * too, so that a change of the machine's load meets all of them.  To give a
 * region up costs a grace period, beside which nothing else shows, and is not
 * told.  Prints JSON: for each size the medians in nanoseconds and the ratio, and
 * the medians of each turn.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "rdma.h"
#include "sample.h"

#define SAMPLES_MAX	100000

static const size_t sizes[] = { 4 << 10, 64 << 10, 1 << 20, 16 << 20 };

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define NR_SIZES	ARRAY_SIZE(sizes)

struct samples {
	uint64_t ns[NR_SIZES][SAMPLES_MAX];
	int nr;
};

static struct samples module_out, module_in;

static int measure(struct rdma *r, void *mem, size_t size, uint64_t *ns)
{
	struct ibv_mr *mr;
	uint64_t begin = bench_now();

	mr = rdma_reg(r, mem, size, RDMA_ACCESS);
	*ns = bench_now() - begin;
	if (!mr)
		return -errno;
	return ibv_dereg_mr(mr) ? -EIO : 0;
}

/* The first round warms up and is overwritten. */
static int turn(struct rdma *r, void *mem, int rounds, struct samples *to)
{
	int n, ret;
	size_t i;

	for (n = -1; n < rounds; n++) {
		for (i = 0; i < NR_SIZES; i++) {
			ret = measure(r, mem, sizes[i], &to->ns[i][to->nr]);
			if (ret)
				return ret;
		}
		if (n >= 0)
			to->nr++;
	}
	return 0;
}

/* Sorts the samples of the turn. */
static void result_of_turns(size_t size, int turns)
{
	int rounds = module_out.nr / turns, n;

	printf("   \"turns\": [");
	for (n = 0; n < turns; n++) {
		uint64_t *out = module_out.ns[size] + n * rounds;
		uint64_t *in = module_in.ns[size] + n * rounds;

		printf("%s{\"out\": %llu, \"in\": %llu}", n ? ", " : "",
		       (unsigned long long)bench_median(out, rounds),
		       (unsigned long long)bench_median(in, rounds));
	}
	printf("]");
}

static void result(int turns)
{
	double out, in, out_sum = 0, in_sum = 0;
	size_t i;

	printf("{\"samples\": %d, \"sizes\": [\n", module_out.nr);
	for (i = 0; i < NR_SIZES; i++) {
		printf("  {\"bytes\": %zu,\n", sizes[i]);
		result_of_turns(i, turns);
		out = bench_median(module_out.ns[i], module_out.nr);
		in = bench_median(module_in.ns[i], module_in.nr);
		out_sum += out;
		in_sum += in;
		printf(",\n   \"out_ns\": %.0f, \"in_ns\": %.0f, \"ratio\": %.4f}%s\n",
		       out, in, in / out, i + 1 < NR_SIZES ? "," : "");
	}
	printf("], \"out_ns\": %.0f, \"in_ns\": %.0f, \"ratio\": %.4f}\n",
	       out_sum, in_sum, in_sum / out_sum);
}

int main(int argc, char **argv)
{
	int turns, rounds, n, ret;
	struct rdma r;
	void *mem;

	turns = argc == 5 ? atoi(argv[1]) : 0;
	rounds = argc == 5 ? atoi(argv[2]) : 0;
	if (turns < 1 || rounds < 1 || turns > SAMPLES_MAX / (rounds + 1)) {
		fprintf(stderr, "usage: bench-mr TURNS ROUNDS UNLOAD LOAD\n");
		return 2;
	}
	ret = rdma_open(&r, 0);
	if (ret) {
		fprintf(stderr, "bench-mr: %s: %s\n", rdma_device(), strerror(-ret));
		return 4;
	}
	mem = mmap(NULL, sizes[NR_SIZES - 1], PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (mem == MAP_FAILED)
		return 1;

	for (n = 0; n < turns; n++) {
		ret = system(argv[3]) ? -ENOEXEC : turn(&r, mem, rounds, &module_out);
		if (!ret)
			ret = system(argv[4]) ? -ENOEXEC : turn(&r, mem, rounds, &module_in);
		if (ret) {
			fprintf(stderr, "bench-mr: turn %d: %s\n", n, strerror(-ret));
			return 1;
		}
	}
	result(turns);
	rdma_close(&r);
	return 0;
}
