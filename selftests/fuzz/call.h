/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A call of the fuzzer: an operation and numbers.  A sequence of calls is a text,
 * one call per line: the name, then NAME=VALUE for what is not the default.
 */
#ifndef FUZZ_CALL_H
#define FUZZ_CALL_H

#include <stdint.h>
#include <stdio.h>

enum op {
	OP_OPEN,	/* a lease fd */
	OP_CLOSE,
	OP_DUP,
	OP_PASS,	/* through a socket, to another slot */
	OP_NONBLOCK,
	OP_ACQUIRE,
	OP_ATTACH,
	OP_RELEASE,
	OP_QUERY,
	OP_SCAN,
	OP_READ,	/* events */
	OP_POLL,
	OP_ASYNC,	/* a signal for each event, or none */
	OP_OPENERS,
	OP_FORCE,
	OP_STATS,
	OP_UNKNOWN,	/* an ioctl that is not there */
	OP_OTHER,	/* any other call on a lease fd */
	OP_FDINFO,
	OP_DEV_OPEN,	/* the test device */
	OP_DEV_CLOSE,
	OP_PIN,
	OP_UNPIN,
	OP_DMA,
	OP_CHANGE,	/* of a file's layout, or not of its layout */
	OP_FOREIGN,	/* the same by another process */
	OP_GIVE,	/* the lease to the other process, which attaches */
	OP_PROTECT,	/* of memory that others use as buffer; with threads only */
	NR_OPS
};

/* Numbers of arguments; operations share what means the same. */
enum arg {
	A_SLOT,
	A_ABI,
	A_BUF,
	A_CUT,
	A_SIZE,
	A_FLAGS,
	A_TAIL,
	A_FILE,
	A_MODE,
	A_OFFSET,
	A_LENGTH,
	A_BREAK,
	A_RESERVED,
	A_RBUF,
	A_RCUT,
	A_RLEN,
	A_LCUR,
	A_PCUR,
	A_CMD,
	A_WHAT,
	A_AREA,
	A_PAGE,
	A_NR,
	A_ODD,
	A_ID,
	A_TO,
	NR_ARGS
};

/* Where a buffer is. */
enum buf {
	BUF_HEAP,
	BUF_ODD,	/* not aligned */
	BUF_EDGE,	/* ends, short of A_CUT bytes, where no access is */
	BUF_EDGE_RO,	/* the same where nothing can be written */
	BUF_RO,
	BUF_NONE,
	BUF_UNMAPPED,
	BUF_NULL,
	BUF_KERNEL,
	BUF_DAX,	/* in the mapping of a file that is leased and changed */
	BUF_RACY,	/* others change its protection; with threads only */
	NR_BUFS
};

/* What OP_ACQUIRE and OP_SCAN get. */
enum fdkind {
	FD_FILE0,
	FD_FILE1,
	FD_FILE2,	/* of root, all may write */
	FD_FILE3,	/* unlinked */
	NR_FILES,
	FD_RDONLY = NR_FILES,
	FD_WRONLY,
	FD_APPEND,
	FD_PATH,
	FD_DIR,
	FD_PIPE,
	FD_SOCKET,
	FD_EVENTFD,
	FD_EPOLL,
	FD_MEMFD,
	FD_NULL,
	FD_PROC,
	FD_NODAX,
	FD_BLOCKDEV,
	FD_LEASE,
	FD_TESTDEV,
	FD_CLOSED,
	FD_MINUS_1,
	FD_INT_MIN,
	FD_INT_MAX,
	NR_FDS
};

/* Cursors of a QUERY, by what is there. */
enum cursor {
	CUR_ZERO,
	CUR_ONE,
	CUR_FIRST,	/* the first lease, its first pin */
	CUR_BEFORE,	/* one less */
	CUR_LAST,	/* as the last QUERY left it */
	CUR_MAX,
	NR_CURSORS
};

enum other {
	OTHER_READ,
	OTHER_WRITE,
	OTHER_PREAD,
	OTHER_POLL,
	OTHER_MMAP,
	OTHER_LSEEK,
	OTHER_FTRUNCATE,
	OTHER_FALLOCATE,
	OTHER_FSYNC,
	OTHER_SPLICE,
	OTHER_EPOLL,
	OTHER_SETLEASE,
	OTHER_FLOCK,
	OTHER_FIONREAD,
	OTHER_FCNTL_DUP,
	NR_OTHERS
};

enum change {
	CHANGE_TRUNCATE,
	CHANGE_PUNCH,
	CHANGE_ZERO,
	CHANGE_COLLAPSE,
	CHANGE_INSERT,
	CHANGE_WRITE,
	CHANGE_ALLOCATE,
	CHANGE_FSYNC,
	NR_CHANGES
};

/* Memory that OP_PIN pins, see world.h. */
enum area {
	AREA_MIXED,
	AREA_RDONLY,
	AREA_PRIVATE,
	AREA_FILE2,
	AREA_NOWHERE,
	AREA_KERNEL,
	NR_AREAS
};

struct call {
	enum op op;
	uint64_t arg[NR_ARGS];
};

/* An operation with the default of each argument. */
struct call call_of(enum op op);

/* A line without its end.  Parsing returns 0 for nothing, 1 for a call, -1. */
void call_print(FILE *to, const struct call *call);
int call_parse(const char *line, struct call *call);

const char *call_name(enum op op);

#endif
