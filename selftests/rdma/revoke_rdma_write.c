// SPDX-License-Identifier: GPL-2.0
/*
 * A remote peer writes by RDMA into a file all the time; the holder of the
 * lease does not hear when it is asked to let go.  At the deadline the region
 * is taken back, the blocks are freed and go to other files, which must stay
 * as they were written: no DMA when the layout change goes on.
 */
#include "change.h"
#include "dax_fixture.h"
#include "event.h"
#include "fill.h"
#include "rdma_writer.h"

#define CANARY		((char)0xcd)
#define VICTIM_SEED	78
/* Once over all of it takes a guest seconds. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	300

struct server {
	struct rdma rdma;
	struct rdma_writer writer;
	char path[PATH_LEN];
	int fd;
	char *map;
	struct ibv_mr *mr;
};

static void serve(struct __test_metadata *_metadata, struct dax_test *self, struct server *s)
{
	other_path(s->path, "victim");
	s->fd = file_create(s->path, FILL_VICTIM, VICTIM_SEED);
	ASSERT_LE(0, s->fd);
	s->map = file_map(s->fd, FILL_VICTIM, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, s->map);
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, s->fd, 0, 0, BREAK_MS));
	s->mr = rdma_reg(&s->rdma, s->map, FILL_VICTIM, RDMA_ACCESS);
	ASSERT_NE(NULL, s->mr);
	ASSERT_EQ(0, writer_start(&s->writer));
	ASSERT_EQ(0, writer_connect(&s->writer, &s->rdma));
}

/* What has been revoked is of no use to anybody, for ever. */
static void write_again(struct __test_metadata *_metadata, struct server *s)
{
	ASSERT_EQ(0, rdma_reopen_one(&s->rdma));
	ASSERT_EQ(0, writer_connect(&s->writer, &s->rdma));
	ASSERT_EQ(0, writer_go(&s->writer, s->map, PAGE_SZ, s->mr->rkey, CANARY));
	ASSERT_TRUE(writer_wait_rounds(&s->writer, 1));
	ASSERT_EQ(IBV_WC_REM_ACCESS_ERR, writer_stop(&s->writer));
	EXPECT_TRUE(rdma_wait_event(&s->rdma, IBV_EVENT_QP_ACCESS_ERR));
}

/* The holder begins anew, as one does that has noticed. */
static void register_anew(struct __test_metadata *_metadata, struct dax_test *self,
			  struct server *s)
{
	struct ibv_mr *mr;

	ASSERT_EQ(0, lease_release(self->lease));
	ASSERT_EQ(0, ftruncate(s->fd, FILL_VICTIM));
	ASSERT_EQ(0, lease_acquire_breakable(self->lease, s->fd, 0, 0, BREAK_MS));
	mr = rdma_reg(&s->rdma, s->map, FILE_SIZE, RDMA_ACCESS);
	ASSERT_NE(NULL, mr);
	ASSERT_EQ(0, rdma_reopen_one(&s->rdma));
	ASSERT_EQ(0, writer_connect(&s->writer, &s->rdma));
	ASSERT_EQ(0, writer_go(&s->writer, s->map, FILE_SIZE, mr->rkey, CANARY));
	ASSERT_TRUE(writer_wait_rounds(&s->writer, 1));
	EXPECT_EQ(0, writer_stop(&s->writer));
	for (size_t i = 0; i < FILE_SIZE; i += PAGE_SZ)
		EXPECT_EQ(CANARY, s->map[i]);
	ASSERT_EQ(0, ibv_dereg_mr(mr));
}

static void revoked_while_written(struct __test_metadata *_metadata, struct dax_test *self,
				  struct server *s, peer_fn fn)
{
	static struct fill fill[FILL_MAX];
	struct change c = change_of(s->path, NULL, 0, FILL_VICTIM);
	struct daxlease_event event;
	int nr, bad;

	ASSERT_EQ(0, fill_make_scarce(self->dir));
	ASSERT_EQ(0, writer_go(&s->writer, s->map, FILL_VICTIM, s->mr->rkey, CANARY));
	ASSERT_TRUE(writer_wait_begun(&s->writer));
	ASSERT_FALSE(peer_has_result(&s->writer.peer));

	/* Meanwhile the writer goes on. */
	EXPECT_EQ(0, in_child(fn, &c, sizeof(c)));
	EXPECT_EQ(0, lease_pinned_pages());
	EXPECT_EQ(0, event_wait(self->lease, DAXLEASE_EVENT_REVOKED, &event));
	EXPECT_EQ(0, event.start);
	EXPECT_EQ(FILL_VICTIM, event.end);

	sync();
	nr = fill_up(self->dir, fill);
	ASSERT_LT(0, nr);
	TH_LOG("%d files fill the filesystem", nr);
	/* Who could still write has the time to do it. */
	ASSERT_TRUE(writer_wait_rounds(&s->writer, 1));
	bad = fill_find_corrupted(fill, nr);
	EXPECT_EQ(-1, bad)
		TH_LOG("CORRUPTION: the device wrote into %s", fill[bad].path);
	EXPECT_EQ(IBV_WC_REM_ACCESS_ERR, writer_stop(&s->writer));

	write_again(_metadata, s);
	EXPECT_EQ(-1, fill_find_corrupted(fill, nr));
	EXPECT_EQ(0, ibv_dereg_mr(s->mr));
	fill_remove(self->dir, fill, nr);
	register_anew(_metadata, self, s);
	writer_end(&s->writer);
	rdma_close(&s->rdma);
}

#define revoked_by(fn) do {							\
	struct server s;							\
	int ret = rdma_open_one(&s.rdma);					\
										\
	if (ret == -ENODEV)							\
		SKIP(return, "no device %s", rdma_device());			\
	ASSERT_EQ(0, ret);							\
	serve(_metadata, self, &s);						\
	revoked_while_written(_metadata, self, &s, fn);				\
} while (0)

TEST_F(dax, truncate)
{
	revoked_by(change_truncate);
}

TEST_F(dax, punch_hole)
{
	revoked_by(change_punch);
}

TEST_HARNESS_MAIN
