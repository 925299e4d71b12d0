/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a benchmark has measured, one line of JSON for each sample on stdout.  The
 * report (tools/daxlease-report) makes ratios, medians and plots of them.
 */
#ifndef SELFTESTS_BENCH_SAMPLE_H
#define SELFTESTS_BENCH_SAMPLE_H

#include <stdint.h>

struct series {
	/* The benchmark, and what it ran on: "ext4", "xfs", "anon", ... */
	const char *bench;
	const char *on;
};

/* Nanoseconds of a clock that goes on. */
uint64_t bench_now(void);

/*
 * One sample of a case.  x is what it depends on, such as a size; samples of the
 * same round were taken one after the other and are compared with each other.
 */
void sample(const struct series *series, const char *name, uint64_t x, int round,
	    double value);

/* The median of n values, which get sorted. */
uint64_t bench_median(uint64_t *values, int n);

/* Ends the program, naming what failed with -ret. */
_Noreturn void bench_fail(const char *what, long ret);

/* Ends it where ret is negative; else returns it. */
long bench_check(const char *what, long ret);

/* A number of the command line, at least 1. */
unsigned long bench_number(const char *text);

#endif
