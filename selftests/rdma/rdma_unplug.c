// SPDX-License-Identifier: GPL-2.0
/*
 * The RDMA device goes while a region of it pins a leased file and a peer writes into
 * it: the pins go with the device, the lease stays, and blocks that are freed then
 * stay as others write them.
 */
#include "change.h"
#include "dax_fixture.h"
#include "event.h"
#include "fill.h"
#include "rdma_writer.h"

#include <stdlib.h>

#define CANARY		((char)0xce)
#define VICTIM_SEED	79
/* All of the filesystem is written, and read. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	300

/* Not the one that other tests use. */
#define DEVICE	"rxe9"
#define NETDEV	"d9"

static bool shell(const char *command)
{
	return !system(command);
}

static void unplug(void)
{
	shell("rdma link delete " DEVICE " 2>/dev/null");
	shell("ip link delete " NETDEV " 2>/dev/null");
}

/* Also where a test failed: all of them run in children of the program. */
__attribute__((destructor)) static void at_exit(void)
{
	unplug();
}

static void plug(struct __test_metadata *_metadata)
{
	unplug();
	ASSERT_TRUE(shell("ip link add " NETDEV " type dummy"));
	ASSERT_TRUE(shell("ip address add 198.51.100.1/24 dev " NETDEV));
	ASSERT_TRUE(shell("ip link set " NETDEV " up"));
	ASSERT_TRUE(shell("rdma link add " DEVICE " type rxe netdev " NETDEV));
	ASSERT_EQ(0, setenv("DAXLEASE_RXE", DEVICE, 1));
}

struct server {
	struct rdma rdma;
	char path[PATH_LEN];
	int fd;
	char *map;
	struct ibv_mr *mr;
};

static void serve(struct __test_metadata *_metadata, struct dax_test *self, struct server *s)
{
	plug(_metadata);
	ASSERT_EQ(0, rdma_open_one(&s->rdma));
	other_path(s->path, "victim");
	s->fd = file_create(s->path, FILL_VICTIM, VICTIM_SEED);
	ASSERT_LE(0, s->fd);
	s->map = file_map(s->fd, FILL_VICTIM, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, s->map);
	ASSERT_EQ(0, lease_acquire(self->lease, s->fd, 0, 0, NULL));
	s->mr = rdma_reg(&s->rdma, s->map, FILL_VICTIM, RDMA_ACCESS);
	ASSERT_NE(NULL, s->mr);
	ASSERT_EQ(FILL_VICTIM / PAGE_SZ, lease_pinned_pages());
}

TEST_F(dax, the_pins_go_and_the_lease_stays)
{
	struct daxlease_event event;
	struct server s;

	serve(_metadata, self, &s);
	ASSERT_TRUE(shell("rdma link delete " DEVICE));
	EXPECT_EQ(0, lease_pinned_pages());
	EXPECT_TRUE(wait_foll_pins(self->foll_pins));
	EXPECT_EQ(0, event_wait(self->lease, DAXLEASE_EVENT_DRAINED, &event));
	/* What is left of it is of no use, and in nobody's way. */
	EXPECT_EQ(NULL, rdma_reg(&s.rdma, s.map, PAGE_SZ, RDMA_ACCESS));
	EXPECT_EQ(0, ibv_dereg_mr(s.mr));
	EXPECT_EQ(0, ftruncate(s.fd, PAGE_SZ));
	EXPECT_EQ(0, lease_release(self->lease));
}

TEST_F(dax, nothing_is_written_afterwards)
{
	static struct fill fill[FILL_MAX];
	struct rdma_writer writer;
	struct server s;
	int nr, bad;

	serve(_metadata, self, &s);
	ASSERT_EQ(0, writer_start(&writer));
	ASSERT_EQ(0, writer_connect(&writer, &s.rdma));
	ASSERT_EQ(0, fill_make_scarce(self->dir));
	ASSERT_EQ(0, writer_go(&writer, s.map, FILL_VICTIM, s.mr->rkey, CANARY));
	ASSERT_TRUE(writer_wait_begun(&writer));
	ASSERT_FALSE(peer_has_result(&writer.peer));

	ASSERT_TRUE(shell("rdma link delete " DEVICE));
	EXPECT_EQ(0, lease_pinned_pages());
	EXPECT_EQ(0, ftruncate(s.fd, 0));
	sync();
	nr = fill_up(self->dir, fill);
	ASSERT_LT(0, nr);
	TH_LOG("%d files fill the filesystem", nr);
	bad = fill_find_corrupted(fill, nr);
	EXPECT_EQ(-1, bad)
		TH_LOG("CORRUPTION: the device wrote into %s", fill[bad].path);
	fill_remove(self->dir, fill, nr);
	peer_kill(&writer.peer);
	EXPECT_EQ(0, lease_release(self->lease));
}

TEST_HARNESS_MAIN
