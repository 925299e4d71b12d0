/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Entries of the fixture's file that a call flushes.  Defines, for tests with the
 * fixture: include it behind dax_fixture.h.
 */
#ifndef SELFTESTS_FLUSH_H
#define SELFTESTS_FLUSH_H

#include <sys/mman.h>

#include "trace.h"

/* Headers older than the kernel. */
#ifndef MAP_SYNC
#define MAP_SYNC		0x080000
#endif
#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE	0x03
#endif

struct flushes {
	struct flush_trace trace;
	/* In the entries that were counted last. */
	unsigned long pages;
};

static inline bool trace_fd(struct __test_metadata *_metadata, struct flushes *f, int fd)
{
	struct stat st;
	int ret;

	ASSERT_EQ(0, fstat(fd, &st));
	ret = flush_trace_start(&f->trace, st.st_ino);
	if (ret == -ENOENT)
		return false;
	ASSERT_EQ(0, ret);
	return true;
}

#define trace_fd_or_skip(f, fd) do {					\
	if (!trace_fd(_metadata, f, fd))				\
		SKIP(return, "no tracepoint dax_writeback_one");	\
} while (0)

#define trace_or_skip(f)	trace_fd_or_skip(f, self->fd)

/* Flushed since the last look, of which there is one now; or -errno. */
static inline int flushes_since(struct flushes *f)
{
	return flush_trace_count(&f->trace, &f->pages);
}

/* Flushed by an fsync of that descriptor, or -errno. */
static inline int flushed_by_fsync(struct flushes *f, int fd)
{
	int ret = flushes_since(f);

	if (ret < 0)
		return ret;
	if (fsync(fd))
		return -errno;
	return flushes_since(f);
}

#endif
