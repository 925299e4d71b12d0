// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rdma.h"

#define GID_MAX		16
/* A transfer that takes as long is lost. */
#define POLL_MAX	(60 * 1000 * 1000 / 100)

const char *rdma_device(void)
{
	const char *name = getenv("DAXLEASE_RXE");

	return name ? name : "rxe0";
}

static struct ibv_context *open_device(void)
{
	struct ibv_context *ctx = NULL;
	struct ibv_device **list;
	int i, nr;

	list = ibv_get_device_list(&nr);
	if (!list)
		return NULL;
	for (i = 0; i < nr && !ctx; i++) {
		if (!strcmp(ibv_get_device_name(list[i]), rdma_device()))
			ctx = ibv_open_device(list[i]);
	}
	ibv_free_device_list(list);
	return ctx;
}

/* The address of the network device in RoCE v2, IPv4 if there is one. */
static int find_gid(struct ibv_context *ctx, union ibv_gid *gid)
{
	struct ibv_gid_entry entry[GID_MAX];
	ssize_t i, nr;
	int found = -1;

	nr = ibv_query_gid_table(ctx, entry, GID_MAX, 0);
	for (i = 0; i < nr; i++) {
		const uint8_t *raw = entry[i].gid.raw;

		if (entry[i].gid_type != IBV_GID_TYPE_ROCE_V2)
			continue;
		if (found >= 0 && (raw[10] != 0xff || raw[11] != 0xff))
			continue;
		found = entry[i].gid_index;
		*gid = entry[i].gid;
	}
	return found;
}

static int connect_qp(struct ibv_qp *qp, uint32_t dest, const union ibv_gid *gid, int index)
{
	struct ibv_qp_attr attr = {
		.qp_state		= IBV_QPS_INIT,
		.port_num		= 1,
		.qp_access_flags	= RDMA_ACCESS,
	};
	int ret;

	ret = ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
			    IBV_QP_ACCESS_FLAGS);
	if (ret)
		return -ret;

	attr = (struct ibv_qp_attr) {
		.qp_state		= IBV_QPS_RTR,
		.path_mtu		= IBV_MTU_1024,
		.dest_qp_num		= dest,
		.max_dest_rd_atomic	= 4,
		.min_rnr_timer		= 12,
		.ah_attr		= {
			.is_global	= 1,
			.port_num	= 1,
			.grh		= {
				.dgid		= *gid,
				.sgid_index	= index,
				.hop_limit	= 64,
			},
		},
	};
	ret = ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
			    IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC |
			    IBV_QP_MIN_RNR_TIMER);
	if (ret)
		return -ret;

	attr = (struct ibv_qp_attr) {
		.qp_state	= IBV_QPS_RTS,
		/* Seconds: the guest may be slow, nothing is lost on the way. */
		.timeout	= 20,
		.retry_cnt	= 7,
		.rnr_retry	= 7,
		.max_rd_atomic	= 4,
	};
	return -ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
			      IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC);
}

static int open_qps(struct rdma *r)
{
	struct ibv_qp_init_attr init = {
		.qp_type	= IBV_QPT_RC,
		.cap		= {
			.max_send_wr	= 8,
			.max_recv_wr	= 1,
			.max_send_sge	= 1,
			.max_recv_sge	= 1,
		},
	};
	union ibv_gid gid;
	int i, index, ret;

	index = find_gid(r->ctx, &gid);
	if (index < 0)
		return -EADDRNOTAVAIL;
	r->cq = ibv_create_cq(r->ctx, 16, NULL, NULL, 0);
	if (!r->cq)
		return -errno;
	init.send_cq = r->cq;
	init.recv_cq = r->cq;
	for (i = 0; i < 2; i++) {
		r->qp[i] = ibv_create_qp(r->pd, &init);
		if (!r->qp[i])
			return -errno;
	}
	for (i = 0; i < 2; i++) {
		ret = connect_qp(r->qp[i], r->qp[!i]->qp_num, &gid, index);
		if (ret)
			return ret;
	}
	return 0;
}

int rdma_open(struct rdma *r, int with_qp)
{
	int ret = 0;

	memset(r, 0, sizeof(*r));
	r->ctx = open_device();
	if (!r->ctx)
		return -ENODEV;
	r->pd = ibv_alloc_pd(r->ctx);
	if (!r->pd)
		ret = -errno;
	else if (with_qp)
		ret = open_qps(r);
	if (ret)
		rdma_close(r);
	return ret;
}

void rdma_close(struct rdma *r)
{
	for (int i = 0; i < 2; i++) {
		if (r->qp[i])
			ibv_destroy_qp(r->qp[i]);
	}
	if (r->cq)
		ibv_destroy_cq(r->cq);
	if (r->pd)
		ibv_dealloc_pd(r->pd);
	if (r->ctx)
		ibv_close_device(r->ctx);
	memset(r, 0, sizeof(*r));
}

struct ibv_mr *rdma_reg(struct rdma *r, void *addr, size_t len, int access)
{
	return ibv_reg_mr(r->pd, addr, len, access);
}

int rdma_transfer(struct rdma *r, enum ibv_wr_opcode op,
		  struct ibv_mr *local, void *local_addr,
		  struct ibv_mr *remote, void *remote_addr, size_t len)
{
	struct ibv_sge sge = {
		.addr	= (uintptr_t)local_addr,
		.length	= len,
		.lkey	= local->lkey,
	};
	struct ibv_send_wr wr = {
		.sg_list	= &sge,
		.num_sge	= 1,
		.opcode		= op,
		.send_flags	= IBV_SEND_SIGNALED,
		.wr.rdma	= {
			.remote_addr	= (uintptr_t)remote_addr,
			.rkey		= remote->rkey,
		},
	}, *bad;
	struct ibv_wc wc;
	int ret, i;

	ret = ibv_post_send(r->qp[0], &wr, &bad);
	if (ret)
		return -ret;
	for (i = 0; i < POLL_MAX; i++) {
		ret = ibv_poll_cq(r->cq, 1, &wc);
		if (ret < 0)
			return -EIO;
		if (ret)
			return wc.status == IBV_WC_SUCCESS ? 0 : -EREMOTEIO;
		usleep(100);
	}
	return -ETIMEDOUT;
}
