/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FUZZ_RUN_H
#define FUZZ_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "world.h"

/* What is to be run, in a process of its own. */
struct run {
	uint64_t seed;
	unsigned long calls;
	unsigned int threads;
	/* Tells how often which result was. */
	bool verbose;
	/* Instead of random calls: a fault at every byte, or those of a file. */
	bool faults;
	const char *replay;
	/* Where the calls are written to, and those that led to a failure. */
	const char *dump;
};

/* 0, or -errno with a report on standard output. */
int run_single(struct world *world, const struct run *run);
int run_threads(struct world *world, const struct run *run);

#endif
