/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SELFTESTS_SCAN_H
#define SELFTESTS_SCAN_H

#include "lease.h"

/* One SCAN without records: 0 and the answer, or -errno. */
int scan_busy(int lease, int fd, uint64_t off, uint64_t len, uint32_t flags,
	      struct daxlease_scan *scan);

/* What SCAN shows: its answer, and the records of all calls. */
#define SCAN_LEASES	32
#define SCAN_PINS	32

struct scan_view {
	struct daxlease_scan scan;
	unsigned int calls;
	/* Records that are out of order, or of a lease that was not shown. */
	unsigned int disorder;
	unsigned int leases;
	struct daxlease_lease_record lease[SCAN_LEASES];
	unsigned int pins;
	struct daxlease_pin_record pin[SCAN_PINS];
};

/* 0 and the view, or -errno; -E2BIG where it has no room for all of it. */
int scan_view(int lease, int fd, uint64_t off, uint64_t len, uint32_t buf_len,
	      struct scan_view *view);

#endif
