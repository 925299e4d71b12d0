/* SPDX-License-Identifier: GPL-2.0 */
/* Makes calls, and keeps what is needed to judge them. */
#ifndef FUZZ_EXEC_H
#define FUZZ_EXEC_H

#include <linux/daxlease.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "arena.h"
#include "call.h"
#include "testdev.h"
#include "world.h"

/*
 * Set of errno values up to EKEYREVOKED, each in the bit below its number; 0 stands
 * for success and has the bit of 41, which is none.
 */
typedef unsigned __int128 errset;
#define E(nr)	((errset)1 << ((nr) ? (nr) - 1 : 40))
#define OK	E(0)

#define RECENT		8
#define NR_ERRNOS	129

/* One that makes calls: a thread. */
struct worker {
	struct world *world;
	struct arena args;
	struct arena data;
	pthread_t thread;
	/* May do what needs a capability. */
	bool root;
	/* Sends this thread a signal while it may wait. */
	timer_t alarm;

	/* What the last QUERY with success left, and what there was. */
	uint64_t lease_cursor;
	uint64_t pin_cursor;
	uint64_t first_lease;
	uint64_t first_pin;
	/* A layout change may have to wait for long, unless a signal comes. */
	bool slow;
	/* How often which result. */
	unsigned int results[NR_OPS][NR_ERRNOS];
	/* Numbers of pins that there are, by device; 0: none. */
	uint32_t recent[DEVS][RECENT];
	unsigned int next_recent[DEVS];

	/* Of the last call: the structure before and after, its buffers. */
	struct place arg;
	struct place buf;
	size_t arg_len;
	char before[PLACE_MAX];
	struct daxlease_query query;
	struct daxlease_scan scan;
	struct daxlease_openers openers;
};

/* Memory of its own, the first or another of WORKERS. */
int worker_init(struct worker *worker, struct world *world, unsigned int nr);

/* By the thread that is to use it, before and after that. */
int worker_enter(struct worker *worker);
void worker_leave(struct worker *worker);

/* 0 or -errno. */
long worker_run(struct worker *worker, const struct call *call);

/* A byte that is not zero behind what the kernel knows of a structure? */
bool call_has_tail(const struct call *call, size_t known);

/* What a call of this kind may say at all: the tables of Documentation/uapi*.rst. */
errset errno_table(const struct call *call);

/*
 * Looks whether the call has changed more of its structure than its answer.  NULL
 * where all is well, else what is not.
 */
const char *argument_wrong(const struct worker *worker, const struct call *call, long ret);

/*
 * After many calls: whether each operation has worked, and each of the device's
 * was refused for each reason that one thread can meet.  Says what was not.
 */
bool results_cover(const struct worker *worker);

/*
 * After many calls of several threads: whether each operation has worked for one of
 * them.  Else they may have met closed descriptors alone.
 */
bool results_worked(const struct worker *workers, unsigned int nr);
void results_print(const struct worker *workers, unsigned int nr);

/* In words, for messages. */
const char *errset_text(errset set);

#endif
