/* SPDX-License-Identifier: GPL-2.0 */
/* All that QUERY and STATS tell, taken through a lease fd that has no lease. */
#ifndef FUZZ_TRUTH_H
#define FUZZ_TRUTH_H

#include <linux/daxlease.h>
#include <stdbool.h>
#include <stdint.h>

#define TRUTH_RECORDS	4096
/* Milliseconds, as the module has them by default: most, and where nobody says. */
#define BREAK_TIME_MAX	60000
#define BREAK_TIME	10000

struct truth {
	struct daxlease_stats stats;
	char *buf;
	uint32_t used;
	/* Pointers into buf. */
	const struct daxlease_record *record[TRUTH_RECORDS];
	unsigned int nr;
};

int truth_init(struct truth *truth);

/* 0, -errno, or -EPROTO where a record is not what the header says. */
int truth_take(struct truth *truth, int watch);

/* The same, but for the passing of time? */
bool truth_same_records(const struct truth *a, const struct truth *b);
bool record_same(const struct daxlease_record *a, const struct daxlease_record *b);

/*
 * Checks what a QUERY wrote: sizes, types, padding, order, and that no more was
 * written.  NULL where all is well, else what is wrong.
 */
const char *records_wrong(const char *buf, uint32_t used, uint32_t len);

static inline const struct daxlease_lease_record *lease_of(const struct daxlease_record *record)
{
	return record->type == DAXLEASE_RECORD_LEASE ? (const void *)record : NULL;
}

static inline const struct daxlease_pin_record *pin_of(const struct daxlease_record *record)
{
	return record->type == DAXLEASE_RECORD_PIN ? (const void *)record : NULL;
}

#endif
