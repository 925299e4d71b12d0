/* SPDX-License-Identifier: GPL-2.0 */
/* Queue pairs: two of one process, connected to each other, or one of a peer's. */
#ifndef SELFTESTS_RDMA_H
#define SELFTESTS_RDMA_H

#include <infiniband/verbs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rdma {
	struct ibv_context *ctx;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_qp *qp[2];
};

#define RDMA_ACCESS	(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | \
			 IBV_ACCESS_REMOTE_READ)

/* The device that the guest's set-up made. */
const char *rdma_device(void);

/* 0 or -errno; with_qp: with the queue pairs, else only what a MR needs. */
int rdma_open(struct rdma *r, int with_qp);
void rdma_close(struct rdma *r);

/* One queue pair, the first one, to be connected to one elsewhere. */
int rdma_open_one(struct rdma *r);
int rdma_connect(struct rdma *r, uint32_t dest);

/* The two of one process, made by the caller, to each other. */
int rdma_connect_both(struct rdma *r);

/* New ones for those that an error has stopped; the regions stay. */
int rdma_reopen(struct rdma *r);
int rdma_reopen_one(struct rdma *r);
void rdma_close_qps(struct rdma *r);

/* NULL and errno, as ibv_reg_mr(). */
struct ibv_mr *rdma_reg(struct rdma *r, void *addr, size_t len, int access);

/* One transfer from, or into, local memory; returns when it is done. */
int rdma_transfer(struct rdma *r, enum ibv_wr_opcode op,
		  struct ibv_mr *local, void *local_addr,
		  struct ibv_mr *remote, void *remote_addr, size_t len);

/* Posts a request, or takes one as posted, and waits; an enum ibv_wc_status or -errno. */
int rdma_run(struct rdma *r, struct ibv_send_wr *wr);
int rdma_wait(struct rdma *r, struct ibv_wc *wc);

/* Likewise for a transfer; with rkeys, as a window has one, and no region. */
int rdma_status(struct rdma *r, enum ibv_wr_opcode op, struct ibv_mr *local, void *local_addr,
		uint32_t rkey, void *remote_addr, size_t len);

/* Has that event come to the device's file?  Others are acknowledged and dropped. */
bool rdma_wait_event(struct rdma *r, enum ibv_event_type type);

/*
 * For peer_call(): leases a file (char *) and registers it, with queue pairs that can
 * write to it, for as long as the peer lives; the number of the uverbs file or -errno.
 */
long rdma_hold_region(void *path);

/* A region's access is changed by the verb that libibverbs may not have; 0 or -errno. */
int rdma_rereg_access(struct ibv_mr *mr, int access);

#endif
