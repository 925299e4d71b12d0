// SPDX-License-Identifier: GPL-2.0
/*
 * Revocation against whatever else ends a region: deregistration, its queue
 * pairs going away, the death of its process, and the death of who wants the
 * layout changed.  The moment is drawn from a fixed seed, around the deadline.
 * However it comes out, the change goes on, and nothing is left pinned, nor
 * unpinned twice.
 */
#include "change.h"
#include "dax_fixture.h"
#include "event.h"
#include "rdma.h"

#define SEED		23
#define ROUNDS		30
#define MAX_BREAK_MS	40
#define MAX_DELAY_US	(MAX_BREAK_MS * 1000)
/* All that a queue takes: some of it is still to come at any moment. */
#define POSTED		8

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	300

enum action { DEREGISTER, DESTROY_QPS, KILL_OWNER, KILL_BREAKER };

struct round {
	enum action action;
	unsigned int break_ms;
	unsigned int delay_us;
};

/* In memory that all processes share. */
static volatile struct progress {
	int ready;
	int go;
} *progress;

/* The owner's. */
static struct rdma rdma;
static struct ibv_mr *anon_mr;
static char *anon;
static char *map;
static int fd = -1;

static long owner_open(void *path)
{
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	map = file_map(fd, FILE_SIZE, PROT_READ | PROT_WRITE);
	anon = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!map || anon == MAP_FAILED)
		return -ENOMEM;
	return rdma_open(&rdma, 0);
}

static int post_writes(struct ibv_mr *mr)
{
	struct ibv_sge sge = {
		.addr	= (uintptr_t)anon,
		.length	= FILE_SIZE,
		.lkey	= anon_mr->lkey,
	};
	struct ibv_send_wr wr = {
		.sg_list	= &sge,
		.num_sge	= 1,
		.opcode		= IBV_WR_RDMA_WRITE,
		.send_flags	= IBV_SEND_SIGNALED,
		.wr.rdma	= {
			.remote_addr	= (uintptr_t)map,
			.rkey		= mr->rkey,
		},
	}, *bad;
	int ret = 0;

	for (int i = 0; i < POSTED && !ret; i++)
		ret = ibv_post_send(rdma.qp[0], &wr, &bad);
	return -ret;
}

/* 0 or -errno. */
static long owner_round(void *arg)
{
	struct round *round = arg;
	struct ibv_mr *mr;
	int lease, ret;

	lease = lease_open();
	if (lease < 0)
		return lease;
	ret = lease_acquire_breakable(lease, fd, 0, 0, round->break_ms);
	if (!ret)
		ret = rdma_reopen(&rdma);
	if (ret)
		return ret;
	if (!anon_mr)
		anon_mr = rdma_reg(&rdma, anon, FILE_SIZE, RDMA_ACCESS);
	mr = rdma_reg(&rdma, map, FILE_SIZE, RDMA_ACCESS);
	if (!mr || !anon_mr)
		return -errno;
	ret = post_writes(mr);
	if (ret)
		return ret;
	progress->ready = 1;
	while (!progress->go)
		usleep(50);
	if (round->action == KILL_OWNER)
		pause();
	usleep(round->delay_us);
	if (round->action == DESTROY_QPS)
		rdma_close_qps(&rdma);
	/* libibverbs says a positive errno. */
	ret = -ibv_dereg_mr(mr);
	close(lease);
	return ret;
}

static uint64_t revoked_ever(void)
{
	struct daxlease_stats stats;

	return lease_stats(&stats) ? 0 : stats.revoked;
}

static bool is_ready(void *owner)
{
	return progress->ready || peer_has_result(owner);
}

static void start_owner(struct __test_metadata *_metadata, struct dax_test *self,
			struct peer *owner)
{
	ASSERT_EQ(0, peer_start(owner));
	ASSERT_EQ(0, peer_call(owner, owner_open, self->path, PATH_LEN));
}

static bool race(struct __test_metadata *_metadata, struct dax_test *self, enum action action)
{
	struct change c = change_of(self->path, NULL, 0, FILE_SIZE);
	struct peer owner, breaker;
	uint64_t before = revoked_ever();
	unsigned int seed = SEED;
	long ret;

	ret = rdma_open(&rdma, 0);
	if (ret == -ENODEV)
		return false;
	ASSERT_EQ(0, ret);
	rdma_close(&rdma);
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, progress);
	ASSERT_EQ(0, peer_start(&breaker));
	start_owner(_metadata, self, &owner);

	for (int i = 0; i < ROUNDS; i++) {
		struct round round = {
			.action		= action,
			.break_ms	= 1 + rand_r(&seed) % MAX_BREAK_MS,
			.delay_us	= rand_r(&seed) % MAX_DELAY_US,
		};

		progress->ready = 0;
		progress->go = 0;
		ASSERT_EQ(0, peer_post(&owner, owner_round, &round, sizeof(round)));
		ASSERT_TRUE(wait_until(is_ready, &owner));
		ASSERT_FALSE(peer_has_result(&owner));
		ASSERT_EQ(0, peer_post(&breaker, change_punch, &c, sizeof(c)));
		progress->go = 1;
		if (action >= KILL_OWNER)
			usleep(round.delay_us);
		if (action == KILL_OWNER) {
			peer_kill(&owner);
			start_owner(_metadata, self, &owner);
		} else if (action == KILL_BREAKER) {
			peer_kill(&breaker);
			ASSERT_EQ(0, peer_start(&breaker));
			ASSERT_EQ(0, peer_post(&breaker, change_punch, &c, sizeof(c)));
		}
		if (action != KILL_OWNER)
			ASSERT_EQ(0, peer_result(&owner, NULL, 0));
		ASSERT_EQ(0, peer_result(&breaker, NULL, 0));
		ASSERT_TRUE(wait_leases(0, 0));
		ASSERT_EQ(1, file_is_zero(self->fd, 0, FILE_SIZE));
	}
	peer_stop(&owner);
	peer_stop(&breaker);
	TH_LOG("%d rounds, revoked in %llu of them", ROUNDS,
	       (unsigned long long)(revoked_ever() - before));
	return true;
}

#define race_or_skip(action) do {				\
	if (!race(_metadata, self, action))			\
		SKIP(return, "no device %s", rdma_device());	\
} while (0)

TEST_F(dax, deregistration)
{
	race_or_skip(DEREGISTER);
}

TEST_F(dax, queue_pairs_destroyed)
{
	race_or_skip(DESTROY_QPS);
}

TEST_F(dax, owner_killed)
{
	race_or_skip(KILL_OWNER);
}

TEST_F(dax, breaker_killed)
{
	race_or_skip(KILL_BREAKER);
}

TEST_HARNESS_MAIN
