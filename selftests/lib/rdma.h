/* SPDX-License-Identifier: GPL-2.0 */
/* Two queue pairs of one process, connected to each other. */
#ifndef SELFTESTS_RDMA_H
#define SELFTESTS_RDMA_H

#include <infiniband/verbs.h>
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

/* NULL and errno, as ibv_reg_mr(). */
struct ibv_mr *rdma_reg(struct rdma *r, void *addr, size_t len, int access);

/* One transfer from, or into, local memory; returns when it is done. */
int rdma_transfer(struct rdma *r, enum ibv_wr_opcode op,
		  struct ibv_mr *local, void *local_addr,
		  struct ibv_mr *remote, void *remote_addr, size_t len);

#endif
