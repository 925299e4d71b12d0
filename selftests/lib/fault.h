/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sweeps of faults over one operation: its first call that can fail is made to
 * fail, then its second one, until it runs through without a fault.  After each
 * of them nothing may be left behind, and the operation must work.
 */
#ifndef SELFTESTS_FAULT_H
#define SELFTESTS_FAULT_H

#include <errno.h>
#include <stdbool.h>

#include "../inject/inject_uapi.h"

/* An operation.  All functions return 0 or -errno. */
struct fault_op {
	const char *name;
	/* Before: what the operation needs.  Not disturbed, like cleanup. */
	long (*setup)(void *arg);
	/* The operation itself. */
	long (*run)(void *arg);
	/* Afterwards, knowing what run returned: looks at it, takes it all back. */
	long (*cleanup)(void *arg, long ret);
	/* After one that was killed in run, in another task. */
	long (*reap)(void *arg);
	void *arg;
	/* What run returns without a fault, */
	long clean;
	/* and what else with one; ends with 0. */
	const int *errnos;
};

/* How to make calls fail. */
struct fault_set {
	/* Only inside of this function, or NULL. */
	const char *window;
	/* Of all allocators, and copies from and to user space. */
	bool memory;
	bool copies;
	/* And these, which end with an empty name. */
	const struct inject_func *func;
	/* The task is killed there instead. */
	bool kill;
};

#define FAULT_FUNC(_name, _value) { .name = _name, .value = _value }
/* Not there on all kernels and filesystems. */
#define FAULT_OPTIONAL(_name, _value) \
	{ .name = _name, .value = _value, .flags = INJECT_OPTIONAL }
#define FAULT_ARGUMENT(_name, _arg, _value) \
	{ .name = _name, .value = _value, .how = INJECT_ARGUMENT, .arg = _arg }

/*
 * Sweeps by /dev/daxlease-inject, over those calls.  Returns how many faults
 * there were, with a complaint on stdout and -EPROTO where one had a consequence
 * that it must not have, or -ENOENT where there is no such device.
 */
int fault_sweep(const struct fault_op *op, const struct fault_set *set);

/*
 * Likewise by the kernel's own fault injection (fail-nth): each allocation of
 * memory, and each access to user space, that the task makes in between.
 */
int fault_sweep_nth(const struct fault_op *op);

/* What a test does with one of the above. */
#define EXPECT_FAULTS(sweep) do {						\
	int __faults = (sweep);							\
										\
	if (__faults == -ENOENT)						\
		SKIP(return, "no fault injection here");			\
	EXPECT_LT(0, __faults);							\
} while (0)

/* The tests of one operation; make fills a struct fault_op in. */
#define FAULT_TESTS(fixture, name, make, sets...)				\
	TEST_F(fixture, name)							\
	{									\
		struct fault_set set = { sets };				\
										\
		EXPECT_FAULTS(fault_sweep(make(self), &set));			\
	}									\
	TEST_F(fixture, name##_killed)						\
	{									\
		struct fault_set set = { sets };				\
										\
		set.kill = true;						\
		EXPECT_FAULTS(fault_sweep(make(self), &set));			\
	}

#define FAULT_TEST_NTH(fixture, name, make)					\
	TEST_F(fixture, name##_nth)						\
	{									\
		EXPECT_FAULTS(fault_sweep_nth(make(self)));			\
	}

#endif
