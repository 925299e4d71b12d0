/* SPDX-License-Identifier: GPL-2.0 */
/* What the processes of one filesystem tell each other. */
#ifndef SELFTESTS_CRASH_SHARED_H
#define SELFTESTS_CRASH_SHARED_H

#include <pthread.h>
#include <semaphore.h>

#include "pair.h"
#include "util.h"

/* The leased file of a pinner, for those that try to change its layout. */
struct target {
	/* Held while the file is not leased. */
	pthread_mutex_t lock;
	/* Empty before the first lease. */
	char path[PATH_LEN];
};

enum { TARGET_TESTDEV, TARGET_RDMA, TARGETS };

/* The change that the holder of a breakable lease lets another process try. */
struct handover {
	sem_t go;
	sem_t done;
	char path[PATH_LEN];
	char other[PATH_LEN];
	unsigned int pages;
	struct pair_change change;
};

enum { HANDOVER_GIVER, HANDOVER_KEEPER, HANDOVERS };

struct shared {
	struct target target[TARGETS];
	struct handover handover[HANDOVERS];
};

#endif
