// SPDX-License-Identifier: GPL-2.0
/*
 * The client: writes batch after batch into the memory that the server names,
 * pauses when it is told to, and sends again what the server asks for.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "give-way.h"

/* A batch goes in so many writes, all in flight at once. */
#define WRITES		4
#define WRITE_SIZE	(SLOT_SIZE / WRITES)

/* So many failures in a row are no pause any more. */
#define FAILURES_MAX	10

/* The end of a batch: read back to see that it has arrived. */
#define FLUSH_SIZE	sizeof(uint64_t)

struct client {
	struct rdma rdma;
	struct peer peer;
	struct control control;
	uint64_t *buf;
	struct ibv_mr *mr;
	/* Where to write; only while not paused. */
	uint64_t address;
	uint32_t rkey;
	bool paused;
	/* Batch that the server has been told of, or 0. */
	uint64_t waiting;
	/* Batches to be sent again; a slot has one at most. */
	uint64_t again[SLOTS];
	uint64_t newest;
	uint64_t safe;
	unsigned int pauses;
	unsigned int failures;
};

static void post(struct client *c, enum ibv_wr_opcode op, uint64_t *local, size_t size,
		 uint64_t remote)
{
	struct ibv_sge sge = {
		.addr	= (uintptr_t)local,
		.length	= size,
		.lkey	= c->mr->lkey,
	};
	struct ibv_send_wr *bad, wr = {
		.sg_list	= &sge,
		.num_sge	= 1,
		.opcode		= op,
		.send_flags	= IBV_SEND_SIGNALED,
		.wr.rdma	= { .remote_addr = remote, .rkey = c->rkey },
	};
	int ret = ibv_post_send(c->rdma.qp, &wr, &bad);

	if (ret)
		fail("posting a transfer: %s", strerror(ret));
}

/* Waits until nothing is in flight; false where something has failed. */
static bool complete(struct client *c, int count)
{
	bool ok = true;
	struct ibv_wc wc;
	int ret;

	while (count) {
		ret = ibv_poll_cq(c->rdma.cq, 1, &wc);
		if (ret < 0)
			fail("polling the completion queue");
		count -= ret;
		if (ret && wc.status != IBV_WC_SUCCESS && ok) {
			say("a write has failed: %s", ibv_wc_status_str(wc.status));
			ok = false;
		}
	}
	return ok;
}

static void send_batch(struct client *c, uint64_t batch)
{
	uint64_t slot = c->address + batch % SLOTS * SLOT_SIZE;
	const size_t words = WRITE_SIZE / sizeof(uint64_t);

	batch_fill(c->buf, batch);
	for (size_t i = 0; i < WRITES; i++)
		post(c, IBV_WR_RDMA_WRITE, c->buf + i * words, WRITE_SIZE, slot + i * WRITE_SIZE);
	/* A read comes back only after the writes before it have reached memory. */
	post(c, IBV_WR_RDMA_READ, c->buf + WRITES * words, FLUSH_SIZE,
	     slot + SLOT_SIZE - FLUSH_SIZE);

	if (complete(c, WRITES + 1)) {
		c->failures = 0;
		c->waiting = batch;
		control_send(&c->control, "WROTE %" PRIu64 " %" PRIu64, batch,
			     batch_checksum(c->buf));
		return;
	}
	/* The server could not give way in time.  It will tell us how to go on. */
	if (++c->failures == FAILURES_MAX)
		fail("%d batches in a row have failed; see what the server says", FAILURES_MAX);
	c->again[batch % SLOTS] = batch;
	c->paused = true;
	control_send(&c->control, "FAILED %" PRIu64, batch);
}

static void handle_line(struct client *c, const char *line)
{
	uint64_t batch;

	if (sscanf(line, "DONE %" SCNu64, &batch) == 1) {
		c->waiting = 0;
		c->safe++;
		say("batch %" PRIu64 " is safe", batch);
	} else if (!strcmp(line, "PAUSE")) {
		/* Here nothing is in flight: send_batch() waits for its writes. */
		c->paused = true;
		c->pauses++;
		control_send(&c->control, "PAUSED");
		say("pause");
	} else if (sscanf(line, "AGAIN %" SCNu64, &batch) == 1) {
		c->again[batch % SLOTS] = batch;
		if (batch == c->waiting)
			c->waiting = 0;
	} else if (!strcmp(line, "CONNECT")) {
		rdma_connect(&c->rdma, &c->peer);
	} else if (sscanf(line, "REGION %" SCNu64 " %" SCNu32, &c->address, &c->rkey) == 2) {
		c->paused = false;
		say("go on");
	} else if (!strncmp(line, "HELLO ", 6) && rdma_parse(line + 6, &c->peer)) {
		rdma_connect(&c->rdma, &c->peer);
	} else {
		fail("the server says '%s': is that give-way?", line);
	}
}

/* A batch to be sent again, if there is one: before the next of its slot. */
static uint64_t take_again(struct client *c)
{
	for (size_t slot = 0; slot < SLOTS; slot++) {
		uint64_t batch = c->again[slot];

		c->again[slot] = 0;
		if (batch)
			return batch;
	}
	return 0;
}

static bool told_to_stop(uint64_t newest, uint64_t batches)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };

	if (batches)
		return newest == batches;
	return poll(&in, 1, 0) != 0;
}

int client(const char *host, const char *device, uint64_t batches)
{
	struct client c = { .paused = true };
	uint64_t batch;
	char text[128];

	c.buf = aligned_alloc(4096, SLOT_SIZE + 4096);
	if (!c.buf)
		fail_errno("allocating a buffer");
	rdma_open(&c.rdma, device);
	c.mr = ibv_reg_mr(c.rdma.pd, c.buf, SLOT_SIZE + 4096, IBV_ACCESS_LOCAL_WRITE);
	if (!c.mr)
		fail_errno("registering the client's buffer");
	control_open(&c.control, control_connect(host));
	rdma_describe(&c.rdma, text, sizeof(text));
	control_send(&c.control, "HELLO %s", text);

	for (;;) {
		if (!c.paused && !c.waiting) {
			batch = take_again(&c);
			if (!batch && told_to_stop(c.newest, batches))
				break;
			send_batch(&c, batch ? batch : ++c.newest);
			continue;
		}
		/*
		 * A client that has nothing to send must listen too: it is
		 * waited for.
		 */
		if (!control_receive(&c.control))
			fail("the server has gone; look what it said");
		while (control_line(&c.control, text, sizeof(text)))
			handle_line(&c, text);
	}
	control_send(&c.control, "BYE");
	say("%" PRIu64 " batches, all safe, %u pauses", c.newest, c.pauses);
	ibv_dereg_mr(c.mr);
	rdma_close(&c.rdma);
	free(c.buf);
	return 0;
}
