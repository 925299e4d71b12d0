/* SPDX-License-Identifier: GPL-2.0 */
/* Has anything been unmapped?  That shows in faults when it is touched again. */
#ifndef SELFTESTS_FAULTS_H
#define SELFTESTS_FAULTS_H

#include <sys/resource.h>

#include "util.h"

/* Reads from pages of a mapping. */
static inline void touch(const char *map, unsigned long pages)
{
	for (unsigned long page = 0; page < pages; page++)
		*(volatile const char *)(map + page * PAGE_SZ);
}

static inline long minor_faults(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_SELF, &usage) ? -1 : usage.ru_minflt;
}

/* What this process itself takes for the first time counts, too. */
#define faults_of(statement) ({				\
	long __before = minor_faults();			\
							\
	statement;					\
	minor_faults() - __before;			\
})

#endif
