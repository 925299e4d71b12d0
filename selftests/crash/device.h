/* SPDX-License-Identifier: GPL-2.0 */
/* What can pin a file and write into it: the test device, or a memory region of rxe. */
#ifndef SELFTESTS_CRASH_DEVICE_H
#define SELFTESTS_CRASH_DEVICE_H

#include <infiniband/verbs.h>
#include <stdbool.h>
#include <stdint.h>

#include "rdma.h"
#include "work.h"

/* Pages of one transfer at most. */
#define DEVICE_BATCH	6U

struct device {
	bool is_rdma;
	int dev;
	uint32_t pin;
	struct rdma rdma;
	struct ibv_mr *mr;
	struct ibv_mr *buf_mr;
	/* What was pinned. */
	char *map;
	/* What it writes next. */
	char *buf;
	/* A transfer has failed, and the queue pairs with it. */
	bool stopped;
};

void device_open(struct worker *w, struct device *d);
/* A memory region can be taken back in any case. */
void device_pin(struct worker *w, struct device *d, char *map, unsigned int pages,
		bool revocable);
void device_unpin(struct worker *w, struct device *d);

/* Writes its buffer there: true, or false where the pin was taken back. */
bool device_write(struct worker *w, struct device *d, unsigned int page, unsigned int count);

#endif
