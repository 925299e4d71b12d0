/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracepoints.  Names and fields are for users and stay as they are; see
 * Documentation/tracing.rst.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM daxlease

#if !defined(_DAXLEASE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _DAXLEASE_TRACE_H

#include <linux/types.h>
#include <linux/kdev_t.h>
#include <linux/sched.h>
#include <linux/tracepoint.h>

#ifndef _DAXLEASE_TRACE_TYPES
#define _DAXLEASE_TRACE_TYPES

/**
 * struct daxlease_trace_part - the part of a file that an event is about
 * @major: device of the filesystem
 * @minor: likewise
 * @ino: inode number
 * @start: first byte
 * @end: byte behind the last one, or ~0 where there is no end
 */
struct daxlease_trace_part {
	u32 major;
	u32 minor;
	u64 ino;
	u64 start;
	u64 end;
};

/**
 * struct daxlease_trace_pin - a pin, or a batch of it
 * @part: what is held immovable
 * @lease_id: the lease it is under
 * @pin_id: its number
 * @pages: number of pages
 * @kind: DAXLEASE_PIN_*
 * @device: name of the pinning device, DAXLEASE_TRACE_DEVICE_LEN bytes
 */
struct daxlease_trace_pin {
	struct daxlease_trace_part part;
	u64 lease_id;
	u64 pin_id;
	u64 pages;
	u32 kind;
	const char *device;
};

#define DAXLEASE_TRACE_DEVICE_LEN	32

#endif

/*
 * pid is the thread group; common_pid is the thread.  The types of the fields are
 * those of plain C: bpftrace knows no others on a kernel without BTF.  What is
 * called comm elsewhere is not always known for a process that lives shortly.
 * Here it is printed last, as there may be anything in it.
 */
#define daxlease_assign_part(entry, part)				\
	do {								\
		(entry)->dev = MKDEV((part)->major, (part)->minor);	\
		(entry)->ino = (part)->ino;				\
		(entry)->start = (part)->start;				\
		(entry)->end = (part)->end;				\
		(entry)->pid = task_tgid_nr(current);			\
		memcpy((entry)->comm, current->comm, TASK_COMM_LEN);	\
	} while (0)

#define DAXLEASE_PART_FMT	"dev=%u:%u ino=%llu start=%llu end=%llu pid=%d"

/* The numbers are those of include/uapi/linux/daxlease.h. */
#define daxlease_show_mode(mode)	__print_symbolic(mode,		\
	{ 1, "exclusive" }, { 2, "breakable" })

#define daxlease_show_kind(kind)	__print_symbolic(kind,		\
	{ 0, "other" }, { 1, "rdma" }, { 2, "io_uring" })

#define daxlease_show_reason(reason)	__print_symbolic(reason,	\
	{ 0, "none" }, { 1, "truncate" }, { 2, "punch_hole" },		\
	{ 3, "zero_range" }, { 4, "unshare_range" },			\
	{ 5, "collapse_range" }, { 6, "insert_range" },			\
	{ 7, "remap" }, { 8, "exchange" }, { 9, "whole_file" },		\
	{ 10, "force" }, { 11, "device_gone" })

/* How a lease ended. */
#define daxlease_show_how(how)	__print_symbolic(how,			\
	{ 0, "released" }, { 1, "closed" }, { 2, "orphan" })

#define daxlease_show_verdict(verdict)	__print_symbolic(verdict,	\
	{ 0, "go" }, { 1, "wait" }, { 2, "refuse" })

TRACE_EVENT(daxlease_acquire,
	TP_PROTO(const struct daxlease_trace_part *part, u64 lease_id, u32 mode,
		 u32 break_time_ms),
	TP_ARGS(part, lease_id, mode, break_time_ms),
	TP_STRUCT__entry(
		__field(unsigned int, dev)
		__field(unsigned long long, ino)
		__field(unsigned long long, start)
		__field(unsigned long long, end)
		__field(int, pid)
		__array(char, comm, TASK_COMM_LEN)
		__field(unsigned long long, lease_id)
		__field(unsigned int, mode)
		__field(unsigned int, break_time_ms)
	),
	TP_fast_assign(
		daxlease_assign_part(__entry, part);
		__entry->lease_id = lease_id;
		__entry->mode = mode;
		__entry->break_time_ms = break_time_ms;
	),
	TP_printk(DAXLEASE_PART_FMT " lease_id=%llu mode=%s break_time_ms=%u comm=%s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->start, __entry->end, __entry->pid, __entry->lease_id,
		  daxlease_show_mode(__entry->mode), __entry->break_time_ms,
		  __entry->comm)
);

TRACE_EVENT(daxlease_attach,
	TP_PROTO(const struct daxlease_trace_part *part, u64 lease_id),
	TP_ARGS(part, lease_id),
	TP_STRUCT__entry(
		__field(unsigned int, dev)
		__field(unsigned long long, ino)
		__field(unsigned long long, start)
		__field(unsigned long long, end)
		__field(int, pid)
		__array(char, comm, TASK_COMM_LEN)
		__field(unsigned long long, lease_id)
	),
	TP_fast_assign(
		daxlease_assign_part(__entry, part);
		__entry->lease_id = lease_id;
	),
	TP_printk(DAXLEASE_PART_FMT " lease_id=%llu comm=%s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->start, __entry->end, __entry->pid, __entry->lease_id,
		  __entry->comm)
);

TRACE_EVENT(daxlease_release,
	TP_PROTO(const struct daxlease_trace_part *part, u64 lease_id, u32 how),
	TP_ARGS(part, lease_id, how),
	TP_STRUCT__entry(
		__field(unsigned int, dev)
		__field(unsigned long long, ino)
		__field(unsigned long long, start)
		__field(unsigned long long, end)
		__field(int, pid)
		__array(char, comm, TASK_COMM_LEN)
		__field(unsigned long long, lease_id)
		__field(unsigned int, how)
	),
	TP_fast_assign(
		daxlease_assign_part(__entry, part);
		__entry->lease_id = lease_id;
		__entry->how = how;
	),
	TP_printk(DAXLEASE_PART_FMT " lease_id=%llu how=%s comm=%s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->start, __entry->end, __entry->pid, __entry->lease_id,
		  daxlease_show_how(__entry->how), __entry->comm)
);

#define daxlease_assign_pin(entry, pin)					\
	do {								\
		daxlease_assign_part(entry, &(pin)->part);		\
		(entry)->lease_id = (pin)->lease_id;			\
		(entry)->pin_id = (pin)->pin_id;			\
		(entry)->pages = (pin)->pages;				\
		(entry)->kind = (pin)->kind;				\
		memcpy((entry)->device, (pin)->device,			\
		       DAXLEASE_TRACE_DEVICE_LEN);			\
	} while (0)

#define DAXLEASE_PIN_FMT						\
	DAXLEASE_PART_FMT						\
	" lease_id=%llu pin_id=%llu pages=%llu kind=%s device=%s"

TRACE_EVENT(daxlease_pin,
	TP_PROTO(const struct daxlease_trace_pin *pin, bool write),
	TP_ARGS(pin, write),
	TP_STRUCT__entry(
		__field(unsigned int, dev)
		__field(unsigned long long, ino)
		__field(unsigned long long, start)
		__field(unsigned long long, end)
		__field(int, pid)
		__array(char, comm, TASK_COMM_LEN)
		__field(unsigned long long, lease_id)
		__field(unsigned long long, pin_id)
		__field(unsigned long long, pages)
		__field(unsigned int, kind)
		__array(char, device, DAXLEASE_TRACE_DEVICE_LEN)
		__field(unsigned int, write)
	),
	TP_fast_assign(
		daxlease_assign_pin(__entry, pin);
		__entry->write = write;
	),
	TP_printk(DAXLEASE_PIN_FMT " write=%u comm=%s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->start, __entry->end, __entry->pid,
		  __entry->lease_id, __entry->pin_id, __entry->pages,
		  daxlease_show_kind(__entry->kind), __entry->device,
		  __entry->write, __entry->comm)
);

TRACE_EVENT(daxlease_unpin,
	TP_PROTO(const struct daxlease_trace_pin *pin),
	TP_ARGS(pin),
	TP_STRUCT__entry(
		__field(unsigned int, dev)
		__field(unsigned long long, ino)
		__field(unsigned long long, start)
		__field(unsigned long long, end)
		__field(int, pid)
		__array(char, comm, TASK_COMM_LEN)
		__field(unsigned long long, lease_id)
		__field(unsigned long long, pin_id)
		__field(unsigned long long, pages)
		__field(unsigned int, kind)
		__array(char, device, DAXLEASE_TRACE_DEVICE_LEN)
	),
	TP_fast_assign(
		daxlease_assign_pin(__entry, pin);
	),
	TP_printk(DAXLEASE_PIN_FMT " comm=%s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->start, __entry->end, __entry->pid,
		  __entry->lease_id, __entry->pin_id, __entry->pages,
		  daxlease_show_kind(__entry->kind), __entry->device,
		  __entry->comm)
);

TRACE_EVENT(daxlease_revoke,
	TP_PROTO(const struct daxlease_trace_pin *pin, u32 reason),
	TP_ARGS(pin, reason),
	TP_STRUCT__entry(
		__field(unsigned int, dev)
		__field(unsigned long long, ino)
		__field(unsigned long long, start)
		__field(unsigned long long, end)
		__field(int, pid)
		__array(char, comm, TASK_COMM_LEN)
		__field(unsigned long long, lease_id)
		__field(unsigned long long, pin_id)
		__field(unsigned long long, pages)
		__field(unsigned int, kind)
		__array(char, device, DAXLEASE_TRACE_DEVICE_LEN)
		__field(unsigned int, reason)
	),
	TP_fast_assign(
		daxlease_assign_pin(__entry, pin);
		__entry->reason = reason;
	),
	TP_printk(DAXLEASE_PIN_FMT " reason=%s comm=%s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->start, __entry->end, __entry->pid,
		  __entry->lease_id, __entry->pin_id, __entry->pages,
		  daxlease_show_kind(__entry->kind), __entry->device,
		  daxlease_show_reason(__entry->reason), __entry->comm)
);

TRACE_EVENT(daxlease_break_begin,
	TP_PROTO(const struct daxlease_trace_part *part, u64 break_id,
		 u32 reason),
	TP_ARGS(part, break_id, reason),
	TP_STRUCT__entry(
		__field(unsigned int, dev)
		__field(unsigned long long, ino)
		__field(unsigned long long, start)
		__field(unsigned long long, end)
		__field(int, pid)
		__array(char, comm, TASK_COMM_LEN)
		__field(unsigned long long, break_id)
		__field(unsigned int, reason)
	),
	TP_fast_assign(
		daxlease_assign_part(__entry, part);
		__entry->break_id = break_id;
		__entry->reason = reason;
	),
	TP_printk(DAXLEASE_PART_FMT " break_id=%llu reason=%s comm=%s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->start, __entry->end, __entry->pid, __entry->break_id,
		  daxlease_show_reason(__entry->reason), __entry->comm)
);

TRACE_EVENT(daxlease_break_verdict,
	TP_PROTO(const struct daxlease_trace_part *part, u64 break_id,
		 u32 verdict, u32 error),
	TP_ARGS(part, break_id, verdict, error),
	TP_STRUCT__entry(
		__field(unsigned int, dev)
		__field(unsigned long long, ino)
		__field(unsigned long long, start)
		__field(unsigned long long, end)
		__field(int, pid)
		__array(char, comm, TASK_COMM_LEN)
		__field(unsigned long long, break_id)
		__field(unsigned int, verdict)
		__field(unsigned int, error)
	),
	TP_fast_assign(
		daxlease_assign_part(__entry, part);
		__entry->break_id = break_id;
		__entry->verdict = verdict;
		__entry->error = error;
	),
	TP_printk(DAXLEASE_PART_FMT " break_id=%llu verdict=%s error=%u comm=%s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->start, __entry->end, __entry->pid, __entry->break_id,
		  daxlease_show_verdict(__entry->verdict), __entry->error,
		  __entry->comm)
);

TRACE_EVENT(daxlease_break_end,
	TP_PROTO(const struct daxlease_trace_part *part, u64 break_id,
		 u32 outcome),
	TP_ARGS(part, break_id, outcome),
	TP_STRUCT__entry(
		__field(unsigned int, dev)
		__field(unsigned long long, ino)
		__field(unsigned long long, start)
		__field(unsigned long long, end)
		__field(int, pid)
		__array(char, comm, TASK_COMM_LEN)
		__field(unsigned long long, break_id)
		__field(unsigned int, outcome)
	),
	TP_fast_assign(
		daxlease_assign_part(__entry, part);
		__entry->break_id = break_id;
		__entry->outcome = outcome;
	),
	TP_printk(DAXLEASE_PART_FMT " break_id=%llu outcome=%u comm=%s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->start, __entry->end, __entry->pid, __entry->break_id, __entry->outcome, __entry->comm)
);

#endif /* _DAXLEASE_TRACE_H */

/* Outside of the protection; for trace.c alone, which says where it is. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
