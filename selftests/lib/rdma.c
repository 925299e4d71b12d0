// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <rdma/ib_user_verbs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "lease.h"
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
		.qp_access_flags	= RDMA_ACCESS | IBV_ACCESS_REMOTE_ATOMIC |
					  IBV_ACCESS_FLUSH_GLOBAL | IBV_ACCESS_FLUSH_PERSISTENT,
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

static int create_qps(struct rdma *r, int nr)
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
	int i;

	r->cq = ibv_create_cq(r->ctx, 16, NULL, NULL, 0);
	if (!r->cq)
		return -errno;
	init.send_cq = r->cq;
	init.recv_cq = r->cq;
	for (i = 0; i < nr; i++) {
		r->qp[i] = ibv_create_qp(r->pd, &init);
		if (!r->qp[i])
			return -errno;
	}
	return 0;
}

int rdma_connect_both(struct rdma *r)
{
	union ibv_gid gid;
	int i, index, ret;

	index = find_gid(r->ctx, &gid);
	if (index < 0)
		return -EADDRNOTAVAIL;
	for (i = 0; i < 2; i++) {
		ret = connect_qp(r->qp[i], r->qp[!i]->qp_num, &gid, index);
		if (ret)
			return ret;
	}
	return 0;
}

static int open_qps(struct rdma *r)
{
	int ret = create_qps(r, 2);

	return ret ? ret : rdma_connect_both(r);
}

static int open_with(struct rdma *r, int qps)
{
	int ret = 0;

	memset(r, 0, sizeof(*r));
	r->ctx = open_device();
	if (!r->ctx)
		return -ENODEV;
	r->pd = ibv_alloc_pd(r->ctx);
	if (!r->pd)
		ret = -errno;
	else if (qps == 1)
		ret = create_qps(r, 1);
	else if (qps)
		ret = open_qps(r);
	if (ret)
		rdma_close(r);
	return ret;
}

int rdma_open(struct rdma *r, int with_qp)
{
	return open_with(r, with_qp ? 2 : 0);
}

int rdma_open_one(struct rdma *r)
{
	return open_with(r, 1);
}

int rdma_connect(struct rdma *r, uint32_t dest)
{
	union ibv_gid gid;
	int index;

	index = find_gid(r->ctx, &gid);
	if (index < 0)
		return -EADDRNOTAVAIL;
	return connect_qp(r->qp[0], dest, &gid, index);
}

void rdma_close_qps(struct rdma *r)
{
	for (int i = 0; i < 2; i++) {
		if (r->qp[i])
			ibv_destroy_qp(r->qp[i]);
		r->qp[i] = NULL;
	}
	if (r->cq)
		ibv_destroy_cq(r->cq);
	r->cq = NULL;
}

int rdma_reopen(struct rdma *r)
{
	rdma_close_qps(r);
	return open_qps(r);
}

int rdma_reopen_one(struct rdma *r)
{
	rdma_close_qps(r);
	return create_qps(r, 1);
}

void rdma_close(struct rdma *r)
{
	rdma_close_qps(r);
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

int rdma_wait(struct rdma *r, struct ibv_wc *wc)
{
	int ret, i;

	for (i = 0; i < POLL_MAX; i++) {
		ret = ibv_poll_cq(r->cq, 1, wc);
		if (ret < 0)
			return -EIO;
		if (ret)
			return wc->status;
		usleep(100);
	}
	return -ETIMEDOUT;
}

int rdma_run(struct rdma *r, struct ibv_send_wr *wr)
{
	struct ibv_send_wr *bad;
	struct ibv_wc wc;
	int ret;

	wr->send_flags |= IBV_SEND_SIGNALED;
	ret = ibv_post_send(r->qp[0], wr, &bad);
	return ret ? -ret : rdma_wait(r, &wc);
}

int rdma_status(struct rdma *r, enum ibv_wr_opcode op, struct ibv_mr *local, void *local_addr,
		uint32_t rkey, void *remote_addr, size_t len)
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
		.wr.rdma	= {
			.remote_addr	= (uintptr_t)remote_addr,
			.rkey		= rkey,
		},
	};

	return rdma_run(r, &wr);
}

int rdma_transfer(struct rdma *r, enum ibv_wr_opcode op,
		  struct ibv_mr *local, void *local_addr,
		  struct ibv_mr *remote, void *remote_addr, size_t len)
{
	int ret;

	ret = rdma_status(r, op, local, local_addr, remote->rkey, remote_addr, len);
	return ret > 0 ? -EREMOTEIO : ret;
}

bool rdma_wait_event(struct rdma *r, enum ibv_event_type type)
{
	struct ibv_async_event event;
	bool found = false;

	if (fcntl(r->ctx->async_fd, F_SETFL, O_NONBLOCK))
		return false;
	for (int i = 0; i < POLL_MAX && !found; i++) {
		if (ibv_get_async_event(r->ctx, &event)) {
			usleep(100);
			continue;
		}
		found = event.event_type == type;
		ibv_ack_async_event(&event);
	}
	return found;
}

int rdma_rereg_access(struct ibv_mr *mr, int access)
{
	struct ib_uverbs_rereg_mr_resp resp;
	struct {
		struct ib_uverbs_cmd_hdr hdr;
		struct ib_uverbs_rereg_mr arg;
	} cmd = {
		.hdr	= {
			.command	= IB_USER_VERBS_CMD_REREG_MR,
			.in_words	= sizeof(cmd) / 4,
			.out_words	= sizeof(resp) / 4,
		},
		.arg	= {
			.response	= (uintptr_t)&resp,
			.mr_handle	= mr->handle,
			.flags		= IBV_REREG_MR_CHANGE_ACCESS,
			.access_flags	= access,
		},
	};

	return write(mr->context->cmd_fd, &cmd, sizeof(cmd)) < 0 ? -errno : 0;
}

long rdma_hold_region(void *path)
{
	static struct rdma rdma;
	char *map = NULL;
	struct stat st;
	int fd, ret;

	fd = open(path, O_RDWR);
	if (fd >= 0 && !fstat(fd, &st))
		map = file_map(fd, st.st_size, PROT_READ | PROT_WRITE);
	if (!map || lease_take(fd) < 0)
		return -EBADF;
	ret = rdma_open(&rdma, 1);
	if (ret)
		return ret;
	return rdma_reg(&rdma, map, st.st_size, RDMA_ACCESS) ? rdma.ctx->cmd_fd : -errno;
}
