// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sample.h"

uint64_t bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void sample(const struct series *series, const char *name, uint64_t x, int round,
	    double value)
{
	printf("{\"bench\":\"%s\",\"on\":\"%s\",\"case\":\"%s\",\"x\":%" PRIu64
	       ",\"round\":%d,\"value\":%.17g}\n",
	       series->bench, series->on, name, x, round, value);
	fflush(stdout);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

uint64_t bench_median(uint64_t *values, int n)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n / 2];
}

void bench_fail(const char *what, long ret)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(-ret));
	exit(1);
}

long bench_check(const char *what, long ret)
{
	if (ret < 0)
		bench_fail(what, ret);
	return ret;
}

unsigned long bench_number(const char *text)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 0);
	if (errno || !value || *end)
		bench_fail(text, -EINVAL);
	return value;
}
