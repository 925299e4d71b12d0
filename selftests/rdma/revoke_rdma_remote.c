// SPDX-License-Identifier: GPL-2.0
/*
 * Remote access to a region that has been taken back, in every way that there
 * is: each ends in a remote access error, and the file keeps its contents.
 */
#include "change.h"
#include "dax_fixture.h"
#include "event.h"
#include "huge_file.h"
#include "rdma.h"

#define SEED		22
#define ACCESS_ALL	(RDMA_ACCESS | IBV_ACCESS_REMOTE_ATOMIC | IBV_ACCESS_MW_BIND)
#define ACCESS_FLUSH	(IBV_ACCESS_FLUSH_GLOBAL | IBV_ACCESS_FLUSH_PERSISTENT)

struct region {
	struct rdma rdma;
	char *anon;
	struct ibv_mr *anon_mr;
	struct ibv_mr *mr;
};

static bool prepare_for(struct __test_metadata *_metadata, struct dax_test *self,
			struct region *r, int access)
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
	r->mr = rdma_reg(&r->rdma, self->map, FILE_SIZE, access);
	ASSERT_NE(NULL, r->mr);
	return true;
}

#define prepare_or_skip(r, access) do {				\
	if (!prepare_for(_metadata, self, r, access))		\
		SKIP(return, "no device %s", rdma_device());	\
} while (0)

static void take_back(struct __test_metadata *_metadata, struct dax_test *self)
{
	struct change c = change_of(self->path, NULL, 0, PAGE_SZ);

	ASSERT_EQ(0, in_child(change_punch, &c, sizeof(c)));
	ASSERT_EQ(1, event_count(self->lease, DAXLEASE_EVENT_REVOKED));
	ASSERT_EQ(0, lease_pinned_pages());
}

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

/* Who asked reads it in a completion, the owner of the region in an event. */
#define expect_refused(r, status) do {						\
	EXPECT_EQ(IBV_WC_REM_ACCESS_ERR, status);				\
	EXPECT_TRUE(rdma_wait_event(&(r)->rdma, IBV_EVENT_QP_ACCESS_ERR));	\
} while (0)

TEST_F(dax, write)
{
	struct region r;

	prepare_or_skip(&r, ACCESS_ALL);
	take_back(_metadata, self);
	expect_refused(&r, rdma_status(&r.rdma, IBV_WR_RDMA_WRITE, r.anon_mr, r.anon,
				       r.mr->rkey, self->map, FILE_SIZE));
	nothing_moved(_metadata, self, &r);
}

TEST_F(dax, read)
{
	struct region r;

	prepare_or_skip(&r, ACCESS_ALL);
	take_back(_metadata, self);
	expect_refused(&r, rdma_status(&r.rdma, IBV_WR_RDMA_READ, r.anon_mr, r.anon,
				       r.mr->rkey, self->map, FILE_SIZE));
	nothing_moved(_metadata, self, &r);
}

/* Tells the responder's owner by the receive that it uses up, not by an event. */
TEST_F(dax, write_with_immediate)
{
	struct ibv_recv_wr recv = { .wr_id = 1 }, *bad_recv;
	struct ibv_sge sge;
	struct ibv_send_wr wr = {
		.sg_list	= &sge,
		.num_sge	= 1,
		.opcode		= IBV_WR_RDMA_WRITE_WITH_IMM,
		.send_flags	= IBV_SEND_SIGNALED,
	}, *bad;
	struct ibv_wc wc;
	struct region r;

	prepare_or_skip(&r, ACCESS_ALL);
	ASSERT_EQ(0, ibv_post_recv(r.rdma.qp[1], &recv, &bad_recv));
	take_back(_metadata, self);
	sge = (struct ibv_sge) {
		.addr	= (uintptr_t)r.anon,
		.length	= 512,
		.lkey	= r.anon_mr->lkey,
	};
	wr.wr.rdma.remote_addr = (uintptr_t)self->map + PAGE_SZ;
	wr.wr.rdma.rkey = r.mr->rkey;
	ASSERT_EQ(0, ibv_post_send(r.rdma.qp[0], &wr, &bad));
	for (int i = 0; i < 2; i++) {
		ASSERT_LE(0, rdma_wait(&r.rdma, &wc));
		EXPECT_EQ(IBV_WC_REM_ACCESS_ERR, wc.status);
	}
	EXPECT_EQ(1, file_matches(self->fd, PAGE_SZ, FILE_SIZE - PAGE_SZ, FILE_SEED));
	EXPECT_EQ(0, ibv_dereg_mr(r.mr));
}

static int atomic(struct region *r, enum ibv_wr_opcode op, void *addr)
{
	struct ibv_sge sge = {
		.addr	= (uintptr_t)r->anon,
		.length	= 8,
		.lkey	= r->anon_mr->lkey,
	};
	struct ibv_send_wr wr = {
		.sg_list	= &sge,
		.num_sge	= 1,
		.opcode		= op,
		.wr.atomic	= {
			.remote_addr	= (uintptr_t)addr,
			.compare_add	= 1,
			.swap		= 2,
			.rkey		= r->mr->rkey,
		},
	};

	return rdma_run(&r->rdma, &wr);
}

static void atomic_is_refused(struct __test_metadata *_metadata, struct dax_test *self,
			      struct region *r, enum ibv_wr_opcode op)
{
	uint64_t value = 1;

	/* To see that it is done as long as it may. */
	memcpy(self->map, &value, sizeof(value));
	ASSERT_EQ(0, atomic(r, op, self->map));
	memcpy(&value, self->map, sizeof(value));
	EXPECT_EQ(2, value);
	pattern_fill(r->anon, FILE_SIZE, 0, SEED);

	take_back(_metadata, self);
	expect_refused(r, atomic(r, op, self->map + PAGE_SZ));
}

TEST_F(dax, fetch_and_add)
{
	struct region r;

	prepare_or_skip(&r, ACCESS_ALL);
	atomic_is_refused(_metadata, self, &r, IBV_WR_ATOMIC_FETCH_AND_ADD);
	nothing_moved(_metadata, self, &r);
}

TEST_F(dax, compare_and_swap)
{
	struct region r;

	prepare_or_skip(&r, ACCESS_ALL);
	atomic_is_refused(_metadata, self, &r, IBV_WR_ATOMIC_CMP_AND_SWP);
	nothing_moved(_metadata, self, &r);
}

static int bind(struct rdma *rdma, struct ibv_mw *mw, struct ibv_mr *mr)
{
	struct ibv_mw_bind arg = {
		.send_flags	= IBV_SEND_SIGNALED,
		.bind_info	= {
			.mr		= mr,
			.addr		= (uintptr_t)mr->addr,
			.length		= FILE_SIZE,
			.mw_access_flags = IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ,
		},
	};
	struct ibv_wc wc;
	int ret;

	ret = ibv_bind_mw(rdma->qp[0], mw, &arg);
	return ret ? -ret : rdma_wait(rdma, &wc);
}

TEST_F(dax, memory_window)
{
	struct ibv_mw *mw, *late;
	struct region r;

	prepare_or_skip(&r, ACCESS_ALL);
	mw = ibv_alloc_mw(r.rdma.pd, IBV_MW_TYPE_1);
	ASSERT_NE(NULL, mw);
	late = ibv_alloc_mw(r.rdma.pd, IBV_MW_TYPE_1);
	ASSERT_NE(NULL, late);
	ASSERT_EQ(0, bind(&r.rdma, mw, r.mr));
	ASSERT_EQ(0, rdma_status(&r.rdma, IBV_WR_RDMA_WRITE, r.anon_mr, r.anon, mw->rkey,
				 self->map, PAGE_SZ));
	take_back(_metadata, self);
	expect_refused(&r, rdma_status(&r.rdma, IBV_WR_RDMA_WRITE, r.anon_mr, r.anon,
				       mw->rkey, self->map, FILE_SIZE));
	ASSERT_EQ(0, rdma_reopen(&r.rdma));
	expect_refused(&r, rdma_status(&r.rdma, IBV_WR_RDMA_READ, r.anon_mr, r.anon,
				       mw->rkey, self->map, FILE_SIZE));
	ASSERT_EQ(0, rdma_reopen(&r.rdma));
	EXPECT_EQ(IBV_WC_MW_BIND_ERR, bind(&r.rdma, late, r.mr));

	/* As always: the window goes first. */
	EXPECT_EQ(EINVAL, ibv_dereg_mr(r.mr));
	EXPECT_EQ(0, ibv_dealloc_mw(mw));
	EXPECT_EQ(0, ibv_dealloc_mw(late));
	nothing_moved(_metadata, self, &r);
}

/* Those that need the newer way to post. */
struct extended {
	struct ibv_qp_ex *qp;
	struct region region;
};

static bool open_extended(struct __test_metadata *_metadata, struct dax_test *self,
			  struct extended *e, int access, uint64_t ops)
{
	struct ibv_qp_init_attr_ex init = {
		.qp_type	= IBV_QPT_RC,
		.cap		= {
			.max_send_wr	= 8,
			.max_recv_wr	= 1,
			.max_send_sge	= 1,
			.max_recv_sge	= 1,
		},
		.comp_mask	= IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_SEND_OPS_FLAGS,
		.send_ops_flags	= ops,
	};
	struct rdma *rdma = &e->region.rdma;
	struct ibv_qp *qp;

	if (!prepare_for(_metadata, self, &e->region, access))
		return false;
	init.pd = rdma->pd;
	init.send_cq = rdma->cq;
	init.recv_cq = rdma->cq;
	qp = ibv_create_qp_ex(rdma->ctx, &init);
	if (!qp)
		return false;
	ASSERT_EQ(0, ibv_destroy_qp(rdma->qp[0]));
	ASSERT_EQ(0, ibv_destroy_qp(rdma->qp[1]));
	rdma->qp[0] = qp;
	init.comp_mask = IBV_QP_INIT_ATTR_PD;
	rdma->qp[1] = ibv_create_qp_ex(rdma->ctx, &init);
	ASSERT_NE(NULL, rdma->qp[1]);
	ASSERT_EQ(0, rdma_connect_both(rdma));
	e->qp = ibv_qp_to_qp_ex(qp);
	return true;
}

static int run_extended(struct extended *e)
{
	struct ibv_wc wc;
	int ret;

	ret = ibv_wr_complete(e->qp);
	return ret ? -ret : rdma_wait(&e->region.rdma, &wc);
}

static int flush(struct extended *e, void *addr, size_t len, uint8_t level)
{
	ibv_wr_start(e->qp);
	e->qp->wr_flags = IBV_SEND_SIGNALED;
	ibv_wr_flush(e->qp, e->region.mr->rkey, (uintptr_t)addr, len, IBV_FLUSH_PERSISTENT,
		     level);
	return run_extended(e);
}

TEST_F(dax, flush)
{
	struct extended e;

	if (!open_extended(_metadata, self, &e, ACCESS_ALL | ACCESS_FLUSH, IBV_QP_EX_WITH_FLUSH))
		SKIP(return, "no device, or none that flushes");
	ASSERT_EQ(0, flush(&e, self->map, FILE_SIZE, IBV_FLUSH_RANGE));
	take_back(_metadata, self);
	expect_refused(&e.region, flush(&e, self->map, FILE_SIZE, IBV_FLUSH_RANGE));
	nothing_moved(_metadata, self, &e.region);
}

static int atomic_write(struct extended *e, void *addr)
{
	static const char word[8] = "revoked";

	ibv_wr_start(e->qp);
	e->qp->wr_flags = IBV_SEND_SIGNALED;
	ibv_wr_atomic_write(e->qp, e->region.mr->rkey, (uintptr_t)addr, word);
	return run_extended(e);
}

TEST_F(dax, atomic_write)
{
	struct extended e;

	if (!open_extended(_metadata, self, &e, ACCESS_ALL, IBV_QP_EX_WITH_ATOMIC_WRITE))
		SKIP(return, "no device, or none that writes atomically");
	ASSERT_EQ(0, atomic_write(&e, self->map));
	EXPECT_STREQ("revoked", self->map);
	take_back(_metadata, self);
	expect_refused(&e.region, atomic_write(&e, self->map + PAGE_SZ));
	nothing_moved(_metadata, self, &e.region);
}

/* The hole is in one page of a folio that is pinned by another page. */
TEST_F(dax, large_folio)
{
	struct ibv_mr *first, *last;
	struct region r;
	struct change c;
	struct huge h;

	prepare_or_skip(&r, ACCESS_ALL);
	if (!prepare(_metadata, self, &h))
		SKIP(return, "no 2 MiB of aligned blocks");
	ASSERT_EQ(0, ibv_dereg_mr(r.mr));
	ASSERT_EQ(0, lease_release(self->lease));
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, h.fd, 0, 0, BREAK_MS));
	first = rdma_reg(&r.rdma, h.map, HUGE_SZ / 2, ACCESS_ALL);
	ASSERT_NE(NULL, first);
	last = rdma_reg(&r.rdma, h.map + HUGE_SZ - PAGE_SZ, PAGE_SZ, ACCESS_ALL);
	ASSERT_NE(NULL, last);
	ASSERT_EQ(0, rdma_transfer(&r.rdma, IBV_WR_RDMA_READ, r.anon_mr, r.anon, last,
				   last->addr, PAGE_SZ));
	pattern_fill(r.anon, FILE_SIZE, 0, SEED);

	/* Between them: both keep the folio where it is. */
	c = change_of(h.path, NULL, h.off + HUGE_SZ / 2, PAGE_SZ);
	ASSERT_EQ(0, in_child(change_punch, &c, sizeof(c)));
	EXPECT_EQ(2, event_count(self->lease, DAXLEASE_EVENT_REVOKED));
	EXPECT_EQ(0, lease_pinned_pages());
	expect_refused(&r, rdma_status(&r.rdma, IBV_WR_RDMA_WRITE, r.anon_mr, r.anon,
				       first->rkey, h.map, FILE_SIZE));
	ASSERT_EQ(0, rdma_reopen(&r.rdma));
	expect_refused(&r, rdma_status(&r.rdma, IBV_WR_RDMA_WRITE, r.anon_mr, r.anon,
				       last->rkey, last->addr, PAGE_SZ));
	EXPECT_EQ(1, file_matches(h.fd, h.off, HUGE_SZ / 2, FILE_SEED));
	EXPECT_EQ(1, file_is_zero(h.fd, h.off + HUGE_SZ / 2, PAGE_SZ));
	EXPECT_EQ(0, ibv_dereg_mr(first));
	EXPECT_EQ(0, ibv_dereg_mr(last));
}

TEST_HARNESS_MAIN
