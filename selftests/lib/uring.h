/* SPDX-License-Identifier: GPL-2.0 */
/* io_uring with registered buffers; the rest is liburing itself. */
#ifndef SELFTESTS_URING_H
#define SELFTESTS_URING_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* All of these return 0 or -errno. */
int uring_open(struct io_uring *ring);
/* Registers one buffer, which gets the index 0. */
int uring_reg(struct io_uring *ring, void *addr, size_t len);
/* Puts one buffer into a table that is there. */
int uring_update(struct io_uring *ring, unsigned int index, void *addr, size_t len);

/* A piece of a registered buffer, and where in a file it is to come from or go. */
struct uring_io {
	int fd;
	off_t off;
	char *buf;
	size_t len;
	int index;
};

/* READ_FIXED and WRITE_FIXED of all of it, in pieces where it comes in such. */
int uring_read(struct io_uring *ring, struct uring_io io);
int uring_write(struct io_uring *ring, struct uring_io io);

/* The two halves of one READ_FIXED; the second returns what the kernel did. */
int uring_post_read(struct io_uring *ring, struct uring_io io);
int uring_result(struct io_uring *ring);

/* Why there is no io_uring here, or NULL. */
const char *uring_missing(void);

#endif
