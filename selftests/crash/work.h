/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The work that a crash interrupts: several processes per filesystem, each in
 * one role, that go on until the guest is no more.
 */
#ifndef SELFTESTS_CRASH_WORK_H
#define SELFTESTS_CRASH_WORK_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "fs.h"
#include "kselftest.h"
#include "util.h"

/* Enough for any crash test; without a crash a role ends its work there. */
#define WORK_FILES	2000

struct shared;

struct worker {
	const struct dax_fs *fs;
	const char *role;
	unsigned int epoch;
	/* Of this epoch, on the filesystem. */
	char dir[PATH_LEN];
	/* Log of acknowledged facts. */
	int log;
	unsigned int rnd;
	/* Acknowledge without fsync. */
	bool lies;
	struct shared *shared;
	/* Rounds done, for all processes to see. */
	volatile unsigned int *rounds;
};

void pinner_testdev(struct worker *w);
void pinner_rdma(struct worker *w);
void breaker(struct worker *w);
void unlinker(struct worker *w);
void churner(struct worker *w);
void holder_giver(struct worker *w);
void holder_keeper(struct worker *w);
void changer_of_giver(struct worker *w);
void changer_of_keeper(struct worker *w);

/* Ends the role: something was not as it must be. */
__printf(2, 3) __noreturn void wrong(struct worker *w, const char *format, ...);

#define must(w, condition) do {						\
	if (!(condition))						\
		wrong(w, "%s:%d: %s (errno %d)", __FILE__, __LINE__,	\
		      #condition, errno);				\
} while (0)

/* 0 to below - 1. */
unsigned int draw(struct worker *w, unsigned int below);

/* fsync, unless the worker lies. */
void sync_file(struct worker *w, int fd);
void sync_dir(struct worker *w);

/* In the directory of the epoch. */
void name_path(struct worker *w, char *path, const char *name);

/* There, empty; its descriptor. */
int new_file(struct worker *w, const char *name);
void write_page(struct worker *w, int fd, const char *name, unsigned int page, uint32_t turn);

#endif
