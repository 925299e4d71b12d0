/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/daxlease-inject: lets the nth call that one task makes to any of some
 * kernel functions fail.  Has one user at a time; everything is undone when its
 * last descriptor is closed.
 */
#ifndef _DAXLEASE_INJECT_UAPI_H
#define _DAXLEASE_INJECT_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define INJECT_IOC_MAGIC	0xDC

#define INJECT_NAME_LEN		64
#define INJECT_FUNCS		32

/* struct inject_func::how */
#define INJECT_RETURN	0	/* do not run it, return the value */
#define INJECT_ARGUMENT	1	/* run it, with the value as an argument */

/* struct inject_func::flags */
#define INJECT_GFP	(1U << 0)	/* the argument has GFP flags */
#define INJECT_OPTIONAL	(1U << 1)	/* not all kernels have it */

/**
 * struct inject_func - a function and how it fails
 * @name: its symbol.
 * @value: what it returns, or gets.
 * @how: INJECT_RETURN or INJECT_ARGUMENT.
 * @flags: INJECT_*.
 * @arg: number of the argument, from 0, that @how or INJECT_GFP speak of.
 * @reserved: must be 0.
 *
 * With INJECT_GFP, calls with __GFP_NOFAIL or no flags at all neither fail nor count.
 */
struct inject_func {
	char name[INJECT_NAME_LEN];
	__s64 value;
	__u32 how;
	__u32 flags;
	__u32 arg;
	__u32 reserved;
};

/**
 * struct inject_setup - which functions
 * @window: calls count while this function runs; empty: always.
 * @nr: how many of @func are used.
 * @kill: nothing fails, but at the nth call the task is sent SIGKILL.
 * @func: the functions; they share one count.
 */
struct inject_setup {
	char window[INJECT_NAME_LEN];
	__u32 nr;
	__u32 kill;
	struct inject_func func[INJECT_FUNCS];
};

/**
 * struct inject_result - what came of it
 * @hit: whether there was an nth call.
 * @calls: how many there were.
 * @name: the function that failed.
 */
struct inject_result {
	__u32 hit;
	__u32 calls;
	char name[INJECT_NAME_LEN];
};

/* Functions of an earlier one are set free.  ENOENT: a symbol is not there. */
#define INJECT_SETUP	_IOW(INJECT_IOC_MAGIC, 1, struct inject_setup)
/* By value: n, for the calling task from now on. */
#define INJECT_ARM	_IO(INJECT_IOC_MAGIC, 2)
#define INJECT_STOP	_IOR(INJECT_IOC_MAGIC, 3, struct inject_result)
/* Loses memory, in so many pieces, and finds it again: for a look at the leak check. */
#define INJECT_LOSE	_IO(INJECT_IOC_MAGIC, 4)
#define INJECT_FIND	_IO(INJECT_IOC_MAGIC, 5)
#define INJECT_LOST	16

#endif
