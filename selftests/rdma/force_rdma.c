// SPDX-License-Identifier: GPL-2.0
/*
 * FORCE on memory regions: taken back under an exclusive lease, whose holder lives
 * on and is refused by its device; with KILL, the holder ends too.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "event.h"
#include "rdma.h"

#define SEED	23

static int force(int fd, uint32_t flags, struct daxlease_force *args)
{
	int lease = lease_open(), ret;

	*args = (struct daxlease_force){ .size = sizeof(*args), .flags = flags, .fd = fd };
	ret = ioctl(lease, DAXLEASE_FORCE, args) ? -errno : 0;
	close(lease);
	return ret;
}

TEST_F(dax, takes_a_region_back_under_an_exclusive_lease)
{
	struct change c = change_of(self->path, NULL, 0, PAGE_SZ);
	struct ibv_mr *anon_mr, *mr;
	struct daxlease_event event;
	struct daxlease_force done;
	struct rdma rdma;
	char *anon;
	int ret;

	ret = rdma_open(&rdma, 1);
	if (ret == -ENODEV)
		SKIP(return, "no device %s", rdma_device());
	ASSERT_EQ(0, ret);
	anon = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, anon);
	pattern_fill(anon, FILE_SIZE, 0, SEED);
	anon_mr = rdma_reg(&rdma, anon, FILE_SIZE, RDMA_ACCESS);
	ASSERT_NE(NULL, anon_mr);
	acquire_whole();
	mr = rdma_reg(&rdma, self->map, FILE_SIZE, RDMA_ACCESS);
	ASSERT_NE(NULL, mr);
	ASSERT_EQ(0, rdma_transfer(&rdma, IBV_WR_RDMA_WRITE, anon_mr, anon, mr, self->map,
				   PAGE_SZ));

	ASSERT_EQ(0, force(self->fd, 0, &done));
	EXPECT_EQ(1, done.revoked);
	EXPECT_EQ(0, done.killed);
	EXPECT_EQ(0, done.pins);
	EXPECT_EQ(1, done.leases);
	EXPECT_EQ(0, lease_pinned_pages());
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_REVOKED, event.type);
	EXPECT_EQ(DAXLEASE_REASON_FORCE, event.reason);

	/* The device has let go of it all. */
	EXPECT_EQ(IBV_WC_REM_ACCESS_ERR,
		  rdma_status(&rdma, IBV_WR_RDMA_WRITE, anon_mr, anon + PAGE_SZ, mr->rkey,
			      page_of(self->map, 1), FILE_SIZE - PAGE_SZ));
	EXPECT_TRUE(rdma_wait_event(&rdma, IBV_EVENT_QP_ACCESS_ERR));
	EXPECT_EQ(1, file_matches(self->fd, 0, PAGE_SZ, SEED));
	EXPECT_EQ(1, file_matches(self->fd, PAGE_SZ, FILE_SIZE - PAGE_SZ, FILE_SEED));
	/* The lease is there, and its holder free to change what was pinned, and to pin. */
	EXPECT_EQ(-ETXTBSY, in_child(change_punch, &c, sizeof(c)));
	EXPECT_EQ(0, change_punch(&c));
	EXPECT_EQ(0, ibv_dereg_mr(mr));
	mr = rdma_reg(&rdma, self->map, FILE_SIZE, RDMA_ACCESS);
	ASSERT_NE(NULL, mr);
	EXPECT_EQ(FILE_PAGES, lease_pinned_pages());
	EXPECT_EQ(0, ibv_dereg_mr(mr));
	EXPECT_EQ(0, ibv_dereg_mr(anon_mr));
	rdma_close(&rdma);
}

TEST_F(dax, kills_the_holder_of_a_region)
{
	struct change c = change_of(self->path, NULL, 0, PAGE_SZ);
	struct daxlease_force done;
	struct peer holder;
	long ret;

	ASSERT_EQ(0, peer_start(&holder));
	ret = peer_call(&holder, rdma_hold_region, self->path, sizeof(self->path));
	if (ret == -ENODEV)
		SKIP(return, "no device %s", rdma_device());
	ASSERT_LE(0, ret);
	EXPECT_EQ(FILE_PAGES, lease_pinned_pages());
	ASSERT_EQ(0, force(self->fd, DAXLEASE_FORCE_KILL, &done));
	EXPECT_EQ(1, done.revoked);
	EXPECT_EQ(1, done.killed);
	EXPECT_EQ(0, done.pins);
	EXPECT_EQ(-ECONNRESET, peer_call(&holder, actor_attach, NULL, 0));
	peer_stop(&holder);
	EXPECT_TRUE(wait_leases(0, 0));
	EXPECT_EQ(0, in_child(change_punch, &c, sizeof(c)));
}

TEST_HARNESS_MAIN
