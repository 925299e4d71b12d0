// SPDX-License-Identifier: GPL-2.0
/*
 * The owner of a region that has been taken back goes on using it, as the
 * source or the target of what it asks for itself: it gets protection errors,
 * its data goes nowhere, and deregistering works.
 */
#include "change.h"
#include "dax_fixture.h"
#include "event.h"
#include "rdma.h"

#define SEED	21

struct region {
	struct rdma rdma;
	char *anon;
	struct ibv_mr *anon_mr;
	struct ibv_mr *mr;
};

/* A region of the fixture's file, to be revoked, and one that is not. */
static bool prepare(struct __test_metadata *_metadata, struct dax_test *self, struct region *r)
{
	int ret;

	ret = rdma_open(&r->rdma, 1);
	if (ret == -ENODEV)
		return false;
	ASSERT_EQ(0, ret);
	r->anon = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	ASSERT_NE(MAP_FAILED, r->anon);
	pattern_fill(r->anon, FILE_SIZE, 0, SEED);
	r->anon_mr = rdma_reg(&r->rdma, r->anon, FILE_SIZE, RDMA_ACCESS);
	ASSERT_NE(NULL, r->anon_mr);
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, BREAK_MS));
	r->mr = rdma_reg(&r->rdma, self->map, FILE_SIZE, RDMA_ACCESS);
	ASSERT_NE(NULL, r->mr);
	return true;
}

#define prepare_or_skip(r) do {					\
	if (!prepare(_metadata, self, r))			\
		SKIP(return, "no device %s", rdma_device());	\
} while (0)

/* Punches a hole into the first page; the others keep their contents. */
static void take_back(struct __test_metadata *_metadata, struct dax_test *self)
{
	struct change c = change_of(self->path, NULL, 0, PAGE_SZ);

	ASSERT_EQ(0, in_child(change_punch, &c, sizeof(c)));
	ASSERT_EQ(1, event_count(self->lease, DAXLEASE_EVENT_REVOKED));
	ASSERT_EQ(0, lease_pinned_pages());
}

/* Neither memory has seen anything of the other one. */
static void nothing_moved(struct __test_metadata *_metadata, struct dax_test *self,
			  struct region *r)
{
	EXPECT_EQ(1, file_is_zero(self->fd, 0, PAGE_SZ));
	EXPECT_EQ(1, file_matches(self->fd, PAGE_SZ, FILE_SIZE - PAGE_SZ, FILE_SEED));
	EXPECT_TRUE(pattern_match(r->anon, FILE_SIZE, 0, SEED));
	EXPECT_EQ(0, ibv_dereg_mr(r->mr));
	EXPECT_EQ(0, ibv_dereg_mr(r->anon_mr));
	rdma_close(&r->rdma);
}

TEST_F(dax, write_from_it)
{
	struct region r;

	prepare_or_skip(&r);
	take_back(_metadata, self);
	EXPECT_EQ(IBV_WC_LOC_PROT_ERR,
		  rdma_status(&r.rdma, IBV_WR_RDMA_WRITE, r.mr, self->map, r.anon_mr->rkey,
			      r.anon, FILE_SIZE));
	nothing_moved(_metadata, self, &r);
}

TEST_F(dax, read_into_it)
{
	struct region r;

	prepare_or_skip(&r);
	take_back(_metadata, self);
	EXPECT_EQ(IBV_WC_LOC_PROT_ERR,
		  rdma_status(&r.rdma, IBV_WR_RDMA_READ, r.mr, self->map, r.anon_mr->rkey,
			      r.anon, FILE_SIZE));
	nothing_moved(_metadata, self, &r);
}

static void post_recv(struct __test_metadata *_metadata, struct rdma *rdma, struct ibv_mr *mr)
{
	struct ibv_sge sge = {
		.addr	= (uintptr_t)mr->addr,
		.length	= FILE_SIZE,
		.lkey	= mr->lkey,
	};
	struct ibv_recv_wr wr = { .wr_id = 1, .sg_list = &sge, .num_sge = 1 }, *bad;

	ASSERT_EQ(0, ibv_post_recv(rdma->qp[1], &wr, &bad));
}

TEST_F(dax, send_from_it)
{
	struct region r;

	prepare_or_skip(&r);
	post_recv(_metadata, &r.rdma, r.anon_mr);
	take_back(_metadata, self);
	EXPECT_EQ(IBV_WC_LOC_PROT_ERR,
		  rdma_status(&r.rdma, IBV_WR_SEND, r.mr, self->map, 0, NULL, FILE_SIZE));
	nothing_moved(_metadata, self, &r);
}

/* The receive was posted when the region was good. */
TEST_F(dax, receive_into_it)
{
	struct ibv_sge sge;
	struct ibv_send_wr wr = {
		.sg_list	= &sge,
		.num_sge	= 1,
		.opcode		= IBV_WR_SEND,
		.send_flags	= IBV_SEND_SIGNALED,
	}, *bad;
	struct ibv_wc wc;
	struct region r;

	prepare_or_skip(&r);
	post_recv(_metadata, &r.rdma, r.mr);
	take_back(_metadata, self);
	sge = (struct ibv_sge) {
		.addr	= (uintptr_t)r.anon,
		.length	= FILE_SIZE,
		.lkey	= r.anon_mr->lkey,
	};
	ASSERT_EQ(0, ibv_post_send(r.rdma.qp[0], &wr, &bad));
	for (int i = 0; i < 2; i++) {
		int status = rdma_wait(&r.rdma, &wc);

		ASSERT_LE(0, status);
		EXPECT_EQ(wc.wr_id ? IBV_WC_LOC_PROT_ERR : IBV_WC_REM_OP_ERR, status);
	}
	nothing_moved(_metadata, self, &r);
}

/* A key that nobody knows is another error than one that was taken back. */
TEST_F(dax, unknown_key)
{
	struct ibv_mr unknown;
	struct region r;

	prepare_or_skip(&r);
	unknown = *r.mr;
	unknown.lkey ^= 0x80;
	EXPECT_EQ(IBV_WC_LOC_QP_OP_ERR,
		  rdma_status(&r.rdma, IBV_WR_RDMA_WRITE, &unknown, self->map,
			      r.anon_mr->rkey, r.anon, PAGE_SZ));
	EXPECT_EQ(0, ibv_dereg_mr(r.mr));
}

TEST_F(dax, reregistration)
{
	struct region r;

	prepare_or_skip(&r);
	EXPECT_EQ(0, rdma_rereg_access(r.mr, RDMA_ACCESS));
	take_back(_metadata, self);
	EXPECT_EQ(-EINVAL, rdma_rereg_access(r.mr, RDMA_ACCESS));
	EXPECT_EQ(0, rdma_rereg_access(r.anon_mr, RDMA_ACCESS));
	nothing_moved(_metadata, self, &r);
}

/* All of a region goes, also what needs no lease. */
TEST_F(dax, anonymous_part)
{
	struct ibv_mr *mr;
	struct region r;

	prepare_or_skip(&r);
	EXPECT_EQ(0, ibv_dereg_mr(r.mr));
	ASSERT_NE(MAP_FAILED, mmap(self->map + FILE_SIZE / 2, FILE_SIZE / 2,
				   PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	mr = rdma_reg(&r.rdma, self->map, FILE_SIZE, RDMA_ACCESS);
	ASSERT_NE(NULL, mr);
	ASSERT_EQ(0, rdma_transfer(&r.rdma, IBV_WR_RDMA_READ, mr, self->map + FILE_SIZE / 2,
				   r.anon_mr, r.anon, PAGE_SZ));
	take_back(_metadata, self);
	EXPECT_EQ(IBV_WC_LOC_PROT_ERR,
		  rdma_status(&r.rdma, IBV_WR_RDMA_WRITE, mr, self->map + FILE_SIZE / 2,
			      r.anon_mr->rkey, r.anon, PAGE_SZ));
	EXPECT_EQ(0, ibv_dereg_mr(mr));
}

/* Pages that are held no longer are charged no longer, and not twice given back. */
static long long charged_kib(void)
{
	char buf[4096], *line;

	if (read_text("/proc/self/status", buf, sizeof(buf)) < 0)
		return -1;
	line = strstr(buf, "VmPin:");
	return line ? atoll(line + 6) : -1;
}

TEST_F(dax, charge_to_the_process)
{
	struct region r;
	long long kib;

	prepare_or_skip(&r);
	kib = charged_kib();
	ASSERT_LE(2 * FILE_SIZE / 1024, kib);
	take_back(_metadata, self);
	EXPECT_EQ(kib - FILE_SIZE / 1024, charged_kib());
	EXPECT_EQ(0, ibv_dereg_mr(r.mr));
	EXPECT_EQ(kib - FILE_SIZE / 1024, charged_kib());
	EXPECT_EQ(0, ibv_dereg_mr(r.anon_mr));
	EXPECT_EQ(kib - 2 * FILE_SIZE / 1024, charged_kib());
}

TEST_HARNESS_MAIN
