/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SELFTESTS_LEASE_H
#define SELFTESTS_LEASE_H

#include <linux/daxlease.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LEASE_DEV	"/dev/daxlease"

/* All of these return 0 or a descriptor, or -errno. */
int lease_open(void);
int lease_acquire(int lease, int fd, uint64_t off, uint64_t len, uint64_t *id);
int lease_attach(int lease);
int lease_release(int lease);
int lease_set_nonblock(int lease, bool on);

/*
 * A parameter of the module as it was loaded, by the name of the variable that
 * says so; without that, what the module has by itself.
 */
uint32_t lease_parameter(const char *name, uint32_t unless_said);

/* A new lease fd with an exclusive lease of the whole file, or -errno. */
int lease_take(int fd);

/* What the module counts, read through a descriptor of its own. */
int lease_stats(struct daxlease_stats *stats);

/* What QUERY shows of one lease: its record and its first pins. */
#define VIEW_PINS	16

struct lease_view {
	struct daxlease_lease_record lease;
	char path[256];
	unsigned int pins;
	struct daxlease_pin_record pin[VIEW_PINS];
};

/* 1 and the view, or 0 where there is no such lease, or -errno. */
int lease_view(int lease, uint64_t id, struct lease_view *view);

/* Likewise for the only lease of an inode; more than one is -E2BIG. */
int lease_view_ino(int lease, ino_t ino, struct lease_view *view);

/* Calls back for each record, in pages of buf_len; stops where that is not 0. */
typedef int (*record_fn)(const struct daxlease_record *record, void *arg);
int lease_query(int lease, uint32_t buf_len, record_fn fn, void *arg);

/* Calls back for each record in a buffer; 0, what fn returned, or -EPROTO. */
int records_each(const char *buf, uint32_t used, record_fn fn, void *arg);

/*
 * The processes that have the file of a pin open, in an array of so many bytes;
 * how many there are, also where that is more than fit in, or -errno.
 */
int lease_openers(int lease, uint64_t pin, int32_t *pids, uint32_t len);

/* Is a process among so many of them? */
bool lease_opened_by(const int32_t *pids, int n, pid_t pid);

/* Pages of all pins; what two of them hold counts twice. */
uint64_t lease_pinned_pages(void);

/* Polls until there are no more leases or pins than that. */
bool wait_leases(uint64_t leases, uint64_t pins);

#endif
