/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a peer does when it plays a lease holder or a device's user: functions
 * for peer_call() that keep one file, one lease and one device per process.
 */
#ifndef SELFTESTS_ACTOR_H
#define SELFTESTS_ACTOR_H

#include <stdint.h>
#include <sys/types.h>

#include "peer.h"
#include "util.h"

struct actor_range {
	uint64_t off;
	uint64_t len;
	/* acquire: the lease's number; pin: the pin's. */
	uint64_t id;
	/* pin: TESTDEV_PIN_*; dma: the byte to write. */
	uint32_t arg;
};

/* Opens and maps the file (char *), both devices; 0 or -errno. */
long actor_open(void *path);
/* Of a struct actor_range. */
long actor_acquire(void *range);
/* Its arg is the break time in ms. */
long actor_acquire_breakable(void *range);
long actor_pin(void *range);
long actor_unpin(void *range);
long actor_dma(void *range);
/* Without an argument. */
long actor_attach(void *unused);
long actor_release(void *unused);
long actor_close_lease(void *unused);
long actor_close_dev(void *unused);
long actor_close_file(void *unused);
/* From now on SIGUSR1 interrupts what it does, without SA_RESTART. */
long actor_catch_sigusr1(void *unused);
/* Use a descriptor (int) that was given to the peer. */
long actor_use_lease(void *fd);
long actor_use_dev(void *fd);
/* Numbers of the descriptors, for peer_get_fd(). */
long actor_lease_fd(void *unused);
long actor_dev_fd(void *unused);

/* The above as they are used most: 0, a pin's number, or -errno. */
long peer_open(struct peer *peer, const char *path);
long peer_acquire(struct peer *peer, uint64_t off, uint64_t len);
long peer_pin(struct peer *peer, unsigned long page, unsigned long pages, uint32_t flags);
long peer_unpin(struct peer *peer, long id);
long peer_dma(struct peer *peer, long id, uint64_t off, uint64_t len, char byte);

#endif
