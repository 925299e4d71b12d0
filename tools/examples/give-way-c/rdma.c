// SPDX-License-Identifier: GPL-2.0
/*
 * One reliable connection.  What librdmacm would do is done by hand here: the
 * sides tell each other queue pair and address over the control channel.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "give-way.h"

#define GID_MAX		16

static struct ibv_context *open_device(const char *name)
{
	struct ibv_context *ctx = NULL;
	struct ibv_device **list;
	int i, count;

	list = ibv_get_device_list(&count);
	if (!list)
		fail_errno("listing the RDMA devices");
	for (i = 0; i < count && !ctx; i++) {
		if (!strcmp(ibv_get_device_name(list[i]), name))
			ctx = ibv_open_device(list[i]);
	}
	ibv_free_device_list(list);
	if (!ctx)
		fail("there is no RDMA device %s; 'rdma link' lists them, 'rdma link add %s type rxe netdev eth0' makes one",
		     name, name);
	return ctx;
}

/* RoCE v2; the one with an IPv4 address, if there is one. */
static void find_gid(struct rdma *r)
{
	struct ibv_gid_entry entry[GID_MAX];
	ssize_t count = ibv_query_gid_table(r->ctx, entry, GID_MAX, 0);

	r->gid_index = -1;
	for (ssize_t i = 0; i < count; i++) {
		const uint8_t *raw = entry[i].gid.raw;

		if (entry[i].gid_type != IBV_GID_TYPE_ROCE_V2)
			continue;
		if (r->gid_index >= 0 && (raw[10] != 0xff || raw[11] != 0xff))
			continue;
		r->gid_index = entry[i].gid_index;
		r->gid = entry[i].gid;
	}
	if (r->gid_index < 0)
		fail("the RDMA device has no address; give one to its network device");
}

void rdma_open(struct rdma *r, const char *device)
{
	struct ibv_qp_init_attr init = {
		.qp_type	= IBV_QPT_RC,
		.cap		= {
			.max_send_wr	= 16,
			.max_recv_wr	= 1,
			.max_send_sge	= 1,
			.max_recv_sge	= 1,
		},
	};

	r->ctx = open_device(device);
	find_gid(r);
	r->pd = ibv_alloc_pd(r->ctx);
	if (!r->pd)
		fail_errno("allocating a protection domain");
	r->cq = ibv_create_cq(r->ctx, 16, NULL, NULL, 0);
	if (!r->cq)
		fail_errno("making a completion queue");
	init.send_cq = r->cq;
	init.recv_cq = r->cq;
	r->qp = ibv_create_qp(r->pd, &init);
	if (!r->qp)
		fail_errno("making a queue pair");
}

void rdma_close(struct rdma *r)
{
	ibv_destroy_qp(r->qp);
	ibv_destroy_cq(r->cq);
	ibv_dealloc_pd(r->pd);
	ibv_close_device(r->ctx);
}

static void modify(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask)
{
	errno = ibv_modify_qp(qp, attr, mask | IBV_QP_STATE);
	if (errno)
		fail_errno("taking the queue pair to state %d", attr->qp_state);
}

void rdma_connect(struct rdma *r, const struct peer *peer)
{
	struct ibv_qp_attr reset = { .qp_state = IBV_QPS_RESET };
	struct ibv_qp_attr init = {
		.qp_state		= IBV_QPS_INIT,
		.port_num		= 1,
		.qp_access_flags	= IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ,
	};
	struct ibv_qp_attr receive = {
		.qp_state		= IBV_QPS_RTR,
		.path_mtu		= IBV_MTU_1024,
		.dest_qp_num		= peer->qpn,
		.max_dest_rd_atomic	= 1,
		.min_rnr_timer		= 12,
		.ah_attr		= {
			.is_global	= 1,
			.port_num	= 1,
			.grh		= {
				.dgid		= peer->gid,
				.sgid_index	= r->gid_index,
				.hop_limit	= 64,
			},
		},
	};
	struct ibv_qp_attr send = {
		.qp_state	= IBV_QPS_RTS,
		.timeout	= 18,	/* a second */
		.retry_cnt	= 7,
		.rnr_retry	= 7,
		.max_rd_atomic	= 1,
	};

	modify(r->qp, &reset, 0);
	modify(r->qp, &init, IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS);
	modify(r->qp, &receive, IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
	       IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER);
	modify(r->qp, &send, IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY |
	       IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC);
}

void rdma_describe(const struct rdma *r, char *text, size_t size)
{
	size_t used = snprintf(text, size, "%" PRIu32 " ", r->qp->qp_num);

	for (size_t i = 0; i < sizeof(r->gid.raw); i++)
		used += snprintf(text + used, size - used, "%02x", r->gid.raw[i]);
}

bool rdma_parse(const char *text, struct peer *peer)
{
	int used = 0;

	if (sscanf(text, "%" SCNu32 " %n", &peer->qpn, &used) != 1)
		return false;
	for (size_t i = 0; i < sizeof(peer->gid.raw); i++) {
		if (sscanf(text + used + 2 * i, "%2" SCNx8, &peer->gid.raw[i]) != 1)
			return false;
	}
	return true;
}
