// SPDX-License-Identifier: GPL-2.0
/*
 * A page of a memory region fails: the region stays, and whoever is to do without
 * the page finds out by SIGBUS, as with any memory.
 */
#include "change.h"
#include "dax_fixture.h"
#include "event.h"
#include "poison.h"
#include "rdma.h"

#define SEED		24
#define BAD		5

struct region {
	struct rdma rdma;
	char *anon;
	struct ibv_mr *anon_mr;
	struct ibv_mr *mr;
};

static bool prepare_for(struct __test_metadata *_metadata, struct dax_test *self,
			struct region *r)
{
	int ret = rdma_open(&r->rdma, 1);

	if (ret == -ENODEV)
		return false;
	ASSERT_EQ(0, ret);
	r->anon = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	ASSERT_NE(MAP_FAILED, r->anon);
	r->anon_mr = rdma_reg(&r->rdma, r->anon, FILE_SIZE, RDMA_ACCESS);
	ASSERT_NE(NULL, r->anon_mr);
	r->mr = rdma_reg(&r->rdma, self->map, FILE_SIZE, RDMA_ACCESS);
	ASSERT_NE(NULL, r->mr);
	return true;
}

static void bad_page(struct __test_metadata *_metadata, struct dax_test *self)
{
	struct poison poison = poison_of(self->path, BAD * PAGE_SZ);

	ASSERT_EQ(0, in_child(poison_page, &poison, sizeof(poison)));
}

static void done(struct __test_metadata *_metadata, struct region *r)
{
	EXPECT_EQ(0, ibv_dereg_mr(r->mr));
	EXPECT_EQ(0, ibv_dereg_mr(r->anon_mr));
	rdma_close(&r->rdma);
	EXPECT_EQ(0, lease_pinned_pages());
}

TEST_F(dax, the_region_stays)
{
	struct change c = change_of(self->path, NULL, BAD * PAGE_SZ, PAGE_SZ);
	struct region r;

	acquire_whole();
	if (!prepare_for(_metadata, self, &r))
		SKIP(return, "no device %s", rdma_device());
	bad_page(_metadata, self);
	EXPECT_EQ(FILE_PAGES, lease_pinned_pages());
	EXPECT_FALSE(event_pending(self->lease));

	pattern_fill(r.anon, FILE_SIZE, 0, SEED);
	EXPECT_EQ(0, rdma_transfer(&r.rdma, IBV_WR_RDMA_WRITE, r.anon_mr, r.anon, r.mr, self->map,
				   FILE_SIZE));
	EXPECT_EQ(1, file_matches(self->fd, 0, FILE_SIZE, SEED));
	memset(r.anon, 0, FILE_SIZE);
	EXPECT_EQ(0, rdma_transfer(&r.rdma, IBV_WR_RDMA_READ, r.anon_mr, r.anon, r.mr, self->map,
				   FILE_SIZE));
	EXPECT_TRUE(pattern_match(r.anon, FILE_SIZE, 0, SEED));

	EXPECT_EQ(-ETXTBSY, in_child(change_punch, &c, sizeof(c)));
	EXPECT_EQ(-EDEADLK, change_punch(&c));
	done(_metadata, &r);
	EXPECT_EQ(0, change_punch(&c));
	EXPECT_EQ(0, ftruncate(self->fd, 0));
}

TEST_F(dax, the_region_can_be_taken_back)
{
	struct change c = change_of(self->path, NULL, BAD * PAGE_SZ, PAGE_SZ);
	struct region r;

	ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, BREAK_MS));
	if (!prepare_for(_metadata, self, &r))
		SKIP(return, "no device %s", rdma_device());
	bad_page(_metadata, self);
	EXPECT_EQ(0, in_child(change_punch, &c, sizeof(c)));
	EXPECT_EQ(1, event_count(self->lease, DAXLEASE_EVENT_REVOKED));
	EXPECT_EQ(IBV_WC_REM_ACCESS_ERR,
		  rdma_status(&r.rdma, IBV_WR_RDMA_WRITE, r.anon_mr, r.anon, r.mr->rkey,
			      self->map, FILE_SIZE));
	EXPECT_EQ(1, file_is_zero(self->fd, BAD * PAGE_SZ, PAGE_SZ));
	done(_metadata, &r);
}

TEST_HARNESS_MAIN
