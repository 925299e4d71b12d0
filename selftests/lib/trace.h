/* SPDX-License-Identifier: GPL-2.0 */
/* Counts how often DAX entries of one inode are flushed, by their tracepoint. */
#ifndef SELFTESTS_TRACE_H
#define SELFTESTS_TRACE_H

#include <sys/types.h>

#include "tracefs.h"

struct flush_trace {
	struct tracefs fs;
};

/* 0 or -errno; -ENOENT where the kernel has no such tracepoint. */
int flush_trace_start(struct flush_trace *trace, ino_t ino);

/* Entries flushed since the last call, and the pages in them. */
int flush_trace_count(struct flush_trace *trace, unsigned long *pages);

void flush_trace_stop(struct flush_trace *trace);

#endif
