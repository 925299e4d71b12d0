/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory for arguments: pages with and without access side by side, below 4 GiB
 * so that 32-bit calls reach them.  What a call is to find there is written, and
 * what it left is read, through a second mapping that has access to all of it.
 */
#ifndef FUZZ_ARENA_H
#define FUZZ_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "call.h"

struct arena {
	char *base;
	char *alias;
	/* Of BUF_RACY: a page that others change, and how it is written; or NULL. */
	char *racy;
	char *racy_alias;
	/* Of BUF_DAX: a page in a file, its descriptor and its place there. */
	char *dax;
	int dax_fd;
	long dax_offset;
};

/* One buffer of one call. */
struct place {
	/* What the call is given. */
	uint64_t addr;
	/* Bytes from there on that the kernel can read, and write. */
	size_t readable;
	size_t writable;
	/* What is there: to be filled before, and looked at after the call. */
	char *bytes;
	/* Around it, all of it FILLER before the call. */
	char *window;
	size_t window_len;
	bool dax;
};

#define FILLER		0xa5
/* Most bytes that a buffer has for sure, if it has any. */
#define PLACE_MAX	8192UL

int arena_init(struct arena *arena);

/* A buffer for len bytes; short of cut bytes, where its kind has a limit. */
void arena_place(struct arena *arena, enum buf buf, uint64_t cut, size_t len,
		 struct place *place);

/* To be called when its bytes have been set, and before they are looked at. */
void place_put(struct arena *arena, struct place *place, size_t len);
void place_get(struct arena *arena, struct place *place, size_t len);

/* Whether only bytes in the first len of the buffer were changed. */
bool place_intact(const struct place *place, size_t len);

#endif
