// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "rdma_writer.h"
#include "util.h"

/* Many packets, so that what happens to the region happens in mid-message. */
#define MESSAGE	(64UL << 10)

struct rdma_writer_state {
	int stop;
	unsigned int messages;
	unsigned int rounds;
};

struct target {
	volatile struct rdma_writer_state *state;
	void *addr;
	size_t len;
	uint32_t rkey;
	char byte;
};

/* In the writer's process. */
static struct rdma rdma;
static char *source;
static struct ibv_mr *source_mr;

static long open_here(void *unused)
{
	int ret;

	(void)unused;
	if (rdma.ctx)
		ret = rdma_reopen_one(&rdma);
	else
		ret = rdma_open_one(&rdma);
	if (ret)
		return ret;
	if (!source) {
		source = mmap(NULL, MESSAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (source == MAP_FAILED)
			return -errno;
		source_mr = rdma_reg(&rdma, source, MESSAGE, IBV_ACCESS_LOCAL_WRITE);
		if (!source_mr)
			return -errno;
	}
	return rdma.qp[0]->qp_num;
}

static long connect_here(void *dest)
{
	return rdma_connect(&rdma, *(uint32_t *)dest);
}

static long write_here(void *arg)
{
	struct target *target = arg;
	size_t off = 0, len;
	int ret;

	memset(source, target->byte, MESSAGE);
	while (!target->state->stop) {
		len = target->len - off < MESSAGE ? target->len - off : MESSAGE;
		ret = rdma_status(&rdma, IBV_WR_RDMA_WRITE, source_mr, source, target->rkey,
				  (char *)target->addr + off, len);
		if (ret)
			return ret;
		target->state->messages++;
		off += len;
		if (off == target->len) {
			off = 0;
			target->state->rounds++;
		}
	}
	return 0;
}

int writer_start(struct rdma_writer *w)
{
	void *mem;

	mem = mmap(NULL, sizeof(*w->state), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		   -1, 0);
	if (mem == MAP_FAILED)
		return -errno;
	w->state = mem;
	return peer_start(&w->peer);
}

int writer_connect(struct rdma_writer *w, struct rdma *server)
{
	uint32_t qpn = server->qp[0]->qp_num;
	long ret;

	ret = peer_call(&w->peer, open_here, NULL, 0);
	if (ret < 0)
		return ret;
	ret = rdma_connect(server, ret);
	if (ret)
		return ret;
	return peer_call(&w->peer, connect_here, &qpn, sizeof(qpn));
}

int writer_go(struct rdma_writer *w, void *addr, size_t len, uint32_t rkey, char byte)
{
	struct target target = {
		.state	= w->state,
		.addr	= addr,
		.len	= len,
		.rkey	= rkey,
		.byte	= byte,
	};

	w->state->stop = 0;
	w->state->messages = 0;
	w->state->rounds = 0;
	return peer_post(&w->peer, write_here, &target, sizeof(target));
}

static bool has_begun(void *arg)
{
	struct rdma_writer *w = arg;

	return w->state->messages || peer_has_result(&w->peer);
}

bool writer_wait_begun(struct rdma_writer *w)
{
	return wait_until(has_begun, w);
}

struct rounds {
	struct rdma_writer *w;
	unsigned int from;
	unsigned int nr;
};

static bool rounds_done(void *arg)
{
	struct rounds *rounds = arg;

	return rounds->w->state->rounds - rounds->from >= rounds->nr ||
	       peer_has_result(&rounds->w->peer);
}

bool writer_wait_rounds(struct rdma_writer *w, unsigned int nr)
{
	/* The one that it is in now does not count. */
	struct rounds rounds = { w, w->state->rounds, nr + 1 };

	return wait_until(rounds_done, &rounds);
}

long writer_stop(struct rdma_writer *w)
{
	w->state->stop = 1;
	return peer_result(&w->peer, NULL, 0);
}

void writer_end(struct rdma_writer *w)
{
	peer_stop(&w->peer);
	munmap((void *)w->state, sizeof(*w->state));
}
