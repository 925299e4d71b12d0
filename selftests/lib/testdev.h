/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SELFTESTS_TESTDEV_H
#define SELFTESTS_TESTDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../testdev/testdev_uapi.h"

#define TESTDEV_DEV	"/dev/daxlease-testdev"

/* All of these return 0 or a descriptor, or -errno. */
int testdev_open(void);
int testdev_pin(int dev, const void *addr, uint32_t pages, uint32_t flags, uint32_t *id);
int testdev_unpin(int dev, uint32_t id);
/* Likewise; had the pages been taken back? */
int testdev_unpin_told(int dev, uint32_t id, bool *revoked);
int testdev_write(int dev, uint32_t id, uint64_t off, const void *buf, size_t len);
int testdev_read(int dev, uint32_t id, uint64_t off, void *buf, size_t len);

#endif
