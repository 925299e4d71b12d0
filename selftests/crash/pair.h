/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Two files whose layouts are changed, also by exchange and sharing between them,
 * and what they must then contain.
 */
#ifndef SELFTESTS_CRASH_PAIR_H
#define SELFTESTS_CRASH_PAIR_H

#include <stdint.h>

#include "ack.h"
#include "work.h"

struct file {
	char name[ACK_NAME];
	char path[PATH_LEN];
	int fd;
	unsigned int pages;
	uint32_t turn[ACK_PAGES];
};

struct pair {
	struct worker *w;
	struct file file[2];
	/* Each page written in a pair has one of its own. */
	uint32_t last_turn;
};

enum pair_kind {
	PAIR_TRUNCATE,
	PAIR_PUNCH,
	PAIR_ZERO,
	PAIR_COLLAPSE,
	PAIR_INSERT,
	/* From here on, where there is reflink. */
	PAIR_REFLINK,
	PAIR_REFLINK_TO,
	PAIR_EXCHANGE,
	PAIR_UNSHARE,
	PAIR_KINDS
};

/* The first @count pages behind @page; of a truncate, @page is the last that stays. */
struct pair_change {
	enum pair_kind kind;
	unsigned int page;
	unsigned int count;
};

/* New ones: LETTER, N, and .0 or .1; with so many pages each. */
void pair_make(struct pair *p, char letter, unsigned int n, unsigned int pages);
void pair_close(struct pair *p);

/* By write() or through a mapping; behind the end, too. */
void pair_write(struct pair *p, struct file *f, unsigned int page, unsigned int count);
void pair_extend(struct pair *p, struct file *f, unsigned int pages);

/* The system call on those files, 0 or -errno; and what it makes of the contents. */
long pair_change(const char *path, const char *other, const struct pair_change *change);
void pair_changed(struct file *f, struct file *other, const struct pair_change *change);

/* All of it is there for good until it is withdrawn: told once fsync has returned. */
void pair_sync(struct pair *p);
void pair_tell(struct pair *p);

#endif
