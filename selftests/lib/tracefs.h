/* SPDX-License-Identifier: GPL-2.0 */
/* An instance of tracefs of one's own: nobody else's events come in between. */
#ifndef SELFTESTS_TRACEFS_H
#define SELFTESTS_TRACEFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util.h"

struct tracefs {
	char dir[PATH_LEN];
};

/* 0 or -errno, all of these.  An event is named SYSTEM/NAME, or SYSTEM for all. */
int tracefs_open(struct tracefs *trace);
int tracefs_enable(struct tracefs *trace, const char *event, const char *filter);
int tracefs_write(struct tracefs *trace, const char *file, const char *text);
void tracefs_close(struct tracefs *trace);

/* What has been recorded since the last time, as text; its length or -errno. */
ssize_t tracefs_take(struct tracefs *trace, char *buf, size_t len);

/* One line of that text. */
struct trace_record {
	/* Without its system, NUL-terminated. */
	char event[32];
	/* "name=value name=value", NUL-terminated. */
	char fields[512];
};

/* Takes the first record of *text apart and moves *text behind it; false at the end. */
bool trace_next(const char **text, const char *system, struct trace_record *record);

/* A field as a number (~0 where there is none), and whether it is that word. */
uint64_t trace_number(const struct trace_record *record, const char *field);
bool trace_is(const struct trace_record *record, const char *field, const char *word);

#endif
