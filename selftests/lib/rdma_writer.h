/* SPDX-License-Identifier: GPL-2.0 */
/* Another process, with a device file of its own, that writes by RDMA all the time. */
#ifndef SELFTESTS_RDMA_WRITER_H
#define SELFTESTS_RDMA_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peer.h"
#include "rdma.h"

struct rdma_writer {
	struct peer peer;
	/* In memory that both processes share. */
	volatile struct rdma_writer_state *state;
};

/* 0 or -errno. */
int writer_start(struct rdma_writer *w);

/* Connects it to the first queue pair of @server, a new one; 0 or -errno. */
int writer_connect(struct rdma_writer *w, struct rdma *server);

/* Has it write that byte, again and again, until it cannot or is told to stop. */
int writer_go(struct rdma_writer *w, void *addr, size_t len, uint32_t rkey, char byte);

/* Has it written something, or ended? */
bool writer_wait_begun(struct rdma_writer *w);

/* Has it been over all of the region so many times, from now on, or has it ended? */
bool writer_wait_rounds(struct rdma_writer *w, unsigned int rounds);

/* Tells it to stop: 0, the enum ibv_wc_status that it ended with before, or -errno. */
long writer_stop(struct rdma_writer *w);

void writer_end(struct rdma_writer *w);

#endif
