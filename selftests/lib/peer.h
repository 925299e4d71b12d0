/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A peer is another process that runs functions when it is told to, so that a
 * test with several processes reads as one sequence of steps.
 */
#ifndef SELFTESTS_PEER_H
#define SELFTESTS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PEER_ARG_MAX	1024

struct peer {
	pid_t pid;
	int sock;
};

typedef long (*peer_fn)(void *arg);

/* Starts one that has no descriptors but the standard ones; 0 or -errno. */
int peer_start(struct peer *peer);

/* Starts one that inherits all descriptors. */
int peer_start_inherit(struct peer *peer);

/*
 * Runs fn there on a copy of the argument, which is copied back.  Returns what
 * fn does, or -ECONNRESET where the peer died.
 */
long peer_call(struct peer *peer, peer_fn fn, void *arg, size_t len);

/* The two halves of it. */
int peer_post(struct peer *peer, peer_fn fn, const void *arg, size_t len);
long peer_result(struct peer *peer, void *arg, size_t len);
bool peer_has_result(struct peer *peer);

/* Hands a descriptor over; its number there or -errno. */
int peer_give_fd(struct peer *peer, int fd);

/* Gets one from there; its number here or -errno. */
int peer_get_fd(struct peer *peer, int fd);

/* Ends it: regularly, or by SIGKILL; returns when it is gone. */
void peer_stop(struct peer *peer);
void peer_kill(struct peer *peer);

/* Runs fn in a process of its own and returns what it returns. */
long in_child(peer_fn fn, void *arg, size_t len);

#endif
