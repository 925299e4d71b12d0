/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SELFTESTS_EVENT_H
#define SELFTESTS_EVENT_H

#include <linux/daxlease.h>
#include <stdbool.h>
#include <stdint.h>

/* So long that a test would be ended first. */
#define BREAK_NEVER_MS	60000

/* So short that a test can wait for it. */
#define BREAK_MS	200

/* A breakable lease of a range; 0 or -errno. */
int lease_acquire_breakable(int lease, int fd, uint64_t off, uint64_t len,
			    uint32_t break_time_ms);

/*
 * Waits for the next event, half a minute at most: 0, -ETIME where none came, or
 * what read() said.
 */
int event_next(int lease, struct daxlease_event *event);

/* Likewise, and skips others until one of that type has come. */
int event_wait(int lease, uint32_t type, struct daxlease_event *event);

/* Is there one to be read now? */
bool event_pending(int lease);

/* Reads all that can be read now; how many of them are of that type, or -errno. */
int event_count(int lease, uint32_t type);

#endif
