/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The log of what was acknowledged: facts that fsync had made durable before
 * they were written there.  It is outside of the guest, so a crash of the guest
 * takes nothing away from it.  One file per epoch, filesystem and writer, one
 * line per fact:
 *
 *	slots NAME PAGE COUNT TURN cold	pages that are not written again
 *	slots NAME PAGE COUNT TURN hot	pages that may have been written since
 *	file NAME PAGES TURN...		the whole of a file that is not changed again
 *	going NAME			no longer so: all of a file, and that it is there
 *	gone NAME			a file that was unlinked
 *	open NAME PAGE			no longer so: pages from that one on, and the size
 *	did DEED COUNT			not of a file: what is counted
 *
 * Lines of one log are in order, so a writer takes a fact back before it lets go
 * of what made it one.
 */
#ifndef SELFTESTS_CRASH_ACK_H
#define SELFTESTS_CRASH_ACK_H

#include <stdbool.h>
#include <stdint.h>

#include "util.h"

#define ACK_PAGES	64
#define ACK_NAME	16

/* All that is known of one file. */
struct acked {
	char name[ACK_NAME];
	/* About to be unlinked: there or not. */
	bool going;
	bool gone;
	/* Of the whole file, so its size is known, too. */
	bool whole;
	unsigned int pages;
	struct {
		bool known;
		bool hot;
		uint32_t turn;
	} page[ACK_PAGES];
};

enum ack_deed {
	/* A holder has let go of its pin when it was asked to. */
	DEED_GAVE,
	/* A pin was taken back. */
	DEED_REVOKED,
	/* A block that was pinned went to another file. */
	DEED_INHERITED,
	DEEDS
};

struct ack_list {
	struct acked *file;
	unsigned int nr;
	unsigned int did[DEEDS];
};

/* A new log; its descriptor or -errno. */
int ack_open(const char *dir, const char *fs, unsigned int epoch, const char *writer);

/* Each writes one line; 0 or -errno. */
int ack_slots(int log, const char *name, unsigned int page, unsigned int count, uint32_t turn,
	      bool hot);
int ack_file(int log, const char *name, unsigned int pages, const uint32_t *turn);
int ack_going(int log, const char *name);
int ack_gone(int log, const char *name);
int ack_open_from(int log, const char *name, unsigned int page);
int ack_did(int log, enum ack_deed deed, unsigned int count);

/* Reads all logs of one epoch; how many there are, or -errno. */
int ack_read(const char *dir, const char *fs, unsigned int epoch, struct ack_list *list);
struct acked *ack_find(struct ack_list *list, const char *name);

#endif
