// SPDX-License-Identifier: GPL-2.0
/*
 * A write with immediate data whose receive does not fit into a full completion
 * queue ends with its queue pair in an error, and keeps nothing of the region.
 */
#include "change.h"
#include "dax_fixture.h"
#include "rdma.h"

#define RECEIVES	2

struct overflow {
	struct rdma rdma;
	/* Takes one completion, of the second queue pair's receives. */
	struct ibv_cq *recv_cq;
	struct ibv_mr *anon_mr;
	struct ibv_mr *mr;
};

static int open_queues(struct overflow *o)
{
	struct ibv_qp_init_attr init = {
		.qp_type	= IBV_QPT_RC,
		.cap		= {
			.max_send_wr	= 8,
			.max_recv_wr	= RECEIVES,
			.max_send_sge	= 1,
			.max_recv_sge	= 1,
		},
	};
	int ret;

	ret = rdma_open_one(&o->rdma);
	if (ret)
		return ret;
	o->recv_cq = ibv_create_cq(o->rdma.ctx, 1, NULL, NULL, 0);
	if (!o->recv_cq)
		return -errno;
	init.send_cq = o->rdma.cq;
	init.recv_cq = o->recv_cq;
	o->rdma.qp[1] = ibv_create_qp(o->rdma.pd, &init);
	return o->rdma.qp[1] ? rdma_connect_both(&o->rdma) : -errno;
}

static void post_receive(struct __test_metadata *_metadata, struct overflow *o)
{
	struct ibv_recv_wr wr = {}, *bad;

	ASSERT_EQ(0, ibv_post_recv(o->rdma.qp[1], &wr, &bad));
}

static void write_imm(struct __test_metadata *_metadata, struct overflow *o, char *from, char *to)
{
	struct ibv_sge sge = {
		.addr	= (uintptr_t)from,
		.length	= 512,
		.lkey	= o->anon_mr->lkey,
	};
	struct ibv_send_wr wr = {
		.sg_list	= &sge,
		.num_sge	= 1,
		.opcode		= IBV_WR_RDMA_WRITE_WITH_IMM,
		.send_flags	= IBV_SEND_SIGNALED,
		.wr.rdma	= {
			.remote_addr	= (uintptr_t)to,
			.rkey		= o->mr->rkey,
		},
	}, *bad;

	ASSERT_EQ(0, ibv_post_send(o->rdma.qp[0], &wr, &bad));
}

TEST_F(dax, region_deregistered_before_the_queue_pair)
{
	struct change c = change_of(self->path, NULL, 0, FILE_SIZE);
	struct overflow o = {};
	struct ibv_wc wc;
	char *anon;
	int ret;

	ret = open_queues(&o);
	if (ret == -ENODEV)
		SKIP(return, "no device %s", rdma_device());
	ASSERT_EQ(0, ret);
	ASSERT_EQ(1, o.recv_cq->cqe);
	anon = mmap(NULL, PAGE_SZ, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, anon);
	o.anon_mr = rdma_reg(&o.rdma, anon, PAGE_SZ, RDMA_ACCESS);
	ASSERT_NE(NULL, o.anon_mr);
	acquire_whole();
	o.mr = rdma_reg(&o.rdma, self->map, FILE_SIZE, RDMA_ACCESS);
	ASSERT_NE(NULL, o.mr);
	for (int i = 0; i < RECEIVES; i++)
		post_receive(_metadata, &o);

	/* The first one fills the queue.  Nobody looks at it. */
	write_imm(_metadata, &o, anon, self->map);
	ASSERT_EQ(IBV_WC_SUCCESS, rdma_wait(&o.rdma, &wc));
	write_imm(_metadata, &o, anon, page_of(self->map, 1));
	ASSERT_TRUE(rdma_wait_event(&o.rdma, IBV_EVENT_CQ_ERR));

	EXPECT_EQ(0, ibv_dereg_mr(o.mr));
	EXPECT_EQ(0, lease_pinned_pages());
	ASSERT_EQ(0, lease_release(self->lease));
	EXPECT_EQ(0, in_child(change_truncate, &c, sizeof(c)));
	EXPECT_EQ(0, ibv_destroy_qp(o.rdma.qp[1]));
	o.rdma.qp[1] = NULL;
	EXPECT_EQ(0, ibv_destroy_cq(o.recv_cq));
	EXPECT_EQ(0, ibv_dereg_mr(o.anon_mr));
	rdma_close(&o.rdma);
}

TEST_HARNESS_MAIN
