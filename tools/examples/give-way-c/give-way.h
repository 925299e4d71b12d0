/* SPDX-License-Identifier: GPL-2.0 */
/*
 * give-way-c: an RDMA server that lets others truncate the file it serves.
 *
 *	batch.c		what the client sends, and how it is recognised
 *	control.c	lines of text over a TCP socket
 *	rdma.c		libibverbs: device, queue pair, memory region
 *	lease.c		/dev/daxlease
 *	server.c	serving, and giving way: begin reading here
 *	client.c	writing, and pausing
 */
#ifndef GIVE_WAY_H
#define GIVE_WAY_H

#include <infiniband/verbs.h>
#include <linux/daxlease.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define __noreturn	__attribute__((__noreturn__))
#define __printf(a, b)	__attribute__((__format__(printf, a, b)))

#define PORT		"7471"
#define DEVICE		"rxe0"

/* The served part of the file: slots that the client fills one by one. */
#define SLOT_SIZE	65536UL
#define SLOTS		16UL
#define SERVED_SIZE	(SLOTS * SLOT_SIZE)

/* Says what is wrong and what to do about it, and ends the program. */
__noreturn __printf(1, 2) void fail(const char *format, ...);
/* Likewise, with the text of errno. */
__noreturn __printf(1, 2) void fail_errno(const char *format, ...);
/* A line for whoever looks on. */
__printf(1, 2) void say(const char *format, ...);

/* batch.c */
void batch_fill(uint64_t *words, uint64_t batch);
uint64_t batch_checksum(const uint64_t *words);
/* The checksum of a slot as read(2) sees it; false where the file is shorter. */
bool slot_checksum(int fd, size_t slot, uint64_t *sum);
int check_file(const char *path);

/* control.c */
struct control {
	int fd;
	size_t used;
	char buf[512];
};

int control_listen(void);
int control_connect(const char *host);
void control_open(struct control *c, int fd);
__printf(2, 3) void control_send(struct control *c, const char *format, ...);
/* Takes in what has come, waiting for it; false where the other side has gone. */
bool control_receive(struct control *c);
/* The next whole line of what has come; false where there is none. */
bool control_line(struct control *c, char *line, size_t size);

/* rdma.c */
struct peer {
	uint32_t qpn;
	union ibv_gid gid;
};

struct rdma {
	struct ibv_context *ctx;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_qp *qp;
	union ibv_gid gid;
	int gid_index;
};

void rdma_open(struct rdma *r, const char *device);
void rdma_close(struct rdma *r);
/* From any state of the queue pair to one that sends and receives. */
void rdma_connect(struct rdma *r, const struct peer *peer);
/* "QPN GID", for the other side to parse. */
void rdma_describe(const struct rdma *r, char *text, size_t size);
bool rdma_parse(const char *text, struct peer *peer);

/* lease.c */
int lease_take(int file, uint32_t break_time_ms, uint64_t *id);
/* The events that there are; waits where poll() has not announced one. */
void lease_events(int lease, void (*handle)(void *arg, const struct daxlease_event *event),
		  void *arg);
const char *lease_reason(uint32_t reason);

/* server.c, client.c */
int serve(const char *path, const char *device, uint32_t break_time_ms, bool once);
int client(const char *host, const char *device, uint64_t batches);

#endif
