// SPDX-License-Identifier: GPL-2.0
/*
 * How long does it take to register, and to give up, a memory region of
 * anonymous memory?  Not a test: scripts/guest/bench-mr.sh runs it with the
 * module loaded and not, and compares.
 *
 *	bench-mr [ROUNDS]
 *
 * prints JSON, one line per size with medians in nanoseconds; the last number
 * of the last line is the sum of the registrations.  To give a region up costs
 * a grace period, beside which nothing else shows.  The sizes take turns, so
 * that a change of the machine's load meets all of them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "rdma.h"

#define ROUNDS_MAX	10000

static const size_t sizes[] = { 4 << 10, 64 << 10, 1 << 20, 16 << 20 };

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define NR_SIZES	ARRAY_SIZE(sizes)

static uint64_t reg_ns[NR_SIZES][ROUNDS_MAX];
static uint64_t dereg_ns[NR_SIZES][ROUNDS_MAX];

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median(uint64_t *v, int nr)
{
	qsort(v, nr, sizeof(*v), compare);
	return v[nr / 2];
}

static int measure(struct rdma *r, void *mem, size_t size, uint64_t *reg, uint64_t *dereg)
{
	struct ibv_mr *mr;
	uint64_t begin, middle;

	begin = now();
	mr = rdma_reg(r, mem, size, RDMA_ACCESS);
	middle = now();
	if (!mr)
		return -errno;
	if (ibv_dereg_mr(mr))
		return -EIO;
	*reg = middle - begin;
	*dereg = now() - middle;
	return 0;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 201;
	uint64_t reg, dereg, reg_sum = 0, dereg_sum = 0;
	struct rdma r;
	size_t i;
	void *mem;
	int n, ret;

	if (rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "bench-mr: 1 to %d rounds\n", ROUNDS_MAX);
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

	/* The first round warms up and is overwritten. */
	for (n = -1; n < rounds; n++) {
		for (i = 0; i < NR_SIZES; i++) {
			int slot = n < 0 ? 0 : n;

			ret = measure(&r, mem, sizes[i], &reg_ns[i][slot], &dereg_ns[i][slot]);
			if (ret) {
				fprintf(stderr, "bench-mr: %s\n", strerror(-ret));
				return 1;
			}
		}
	}

	printf("{\"rounds\": %d, \"sizes\": [\n", rounds);
	for (i = 0; i < NR_SIZES; i++) {
		reg = median(reg_ns[i], rounds);
		dereg = median(dereg_ns[i], rounds);
		reg_sum += reg;
		dereg_sum += dereg;
		printf("  {\"bytes\": %zu, \"reg_ns\": %llu, \"dereg_ns\": %llu}%s\n",
		       sizes[i], (unsigned long long)reg, (unsigned long long)dereg,
		       i + 1 < NR_SIZES ? "," : "");
	}
	printf("], \"dereg_sum_ns\": %llu, \"reg_sum_ns\": %llu}\n",
	       (unsigned long long)dereg_sum, (unsigned long long)reg_sum);
	rdma_close(&r);
	return 0;
}
