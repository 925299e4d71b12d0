/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * daxlease: layout leases for long-term pins of files on a DAX filesystem.
 *
 * One open file of /dev/daxlease is one lease fd: it carries no lease or one.
 * Every ioctl takes a pointer to a structure whose first member is the size
 * that the caller knows.  A size below the first published one, above a page,
 * or with non-zero bytes behind what this kernel knows is EINVAL; unknown
 * flags and non-zero reserved members are EINVAL.  All structures have the
 * same layout for 32-bit and 64-bit callers.
 */
#ifndef _UAPI_LINUX_DAXLEASE_H
#define _UAPI_LINUX_DAXLEASE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define DAXLEASE_IOC_MAGIC	0xDA

/* struct daxlease_acquire::mode, struct daxlease_lease_record::mode */
#define DAXLEASE_MODE_EXCLUSIVE	1	/* conflicting layout changes fail with ETXTBSY */
#define DAXLEASE_MODE_BREAKABLE	2	/* they wait, and the holder is asked to let go */

/* End of a range that has no end. */
#define DAXLEASE_TO_INFINITY	(~0ULL)

/**
 * struct daxlease_acquire - take a lease for the calling thread group
 * @size: sizeof(struct daxlease_acquire).
 * @flags: must be 0.
 * @fd: a regular file in DAX mode on ext4 or xfs, open for writing.
 * @mode: DAXLEASE_MODE_*.
 * @offset: first byte of the range; a multiple of the page size.
 * @length: bytes; a multiple of the page size.  0: from @offset to the end of
 *	the file, wherever that will be.
 * @break_time_ms: breakable: for how many milliseconds a layout change waits
 *	for pins under the lease, from the BREAK that tells of it on, before they
 *	are revoked or, where they cannot be, it fails with ETXTBSY.  0: as the
 *	module's parameter break_time_ms says; above max_break_time_ms: ERANGE.
 *	Must be 0 for an exclusive lease.
 * @reserved: must be 0.
 * @id: out: the lease's number, never used twice while the module is loaded.
 */
struct daxlease_acquire {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 mode;
	__aligned_u64 offset;
	__aligned_u64 length;
	__u32 break_time_ms;
	__u32 reserved;
	__aligned_u64 id;
};

/**
 * struct daxlease_attach - make the calling thread group a holder of this fd's lease
 * @size: sizeof(struct daxlease_attach).
 * @flags: must be 0.
 * @id: out: the lease's number.
 */
struct daxlease_attach {
	__u32 size;
	__u32 flags;
	__aligned_u64 id;
};

/**
 * struct daxlease_release - give the lease back once its pins are gone
 * @size: sizeof(struct daxlease_release).
 * @flags: must be 0.
 *
 * Waits until the last pin under the lease is gone; a signal ends the wait
 * with EINTR and leaves the lease as it was.  On a fd with O_NONBLOCK: EBUSY.
 */
struct daxlease_release {
	__u32 size;
	__u32 flags;
};

/* struct daxlease_record::type */
#define DAXLEASE_RECORD_LEASE	1
#define DAXLEASE_RECORD_PIN	2

/* struct daxlease_lease_record::state */
#define DAXLEASE_STATE_ACTIVE	1	/* pins are admitted */
#define DAXLEASE_STATE_RELEASING 2	/* a RELEASE waits for the last pin */
#define DAXLEASE_STATE_ORPHANED	3	/* every lease fd is closed, pins are left */

/* struct daxlease_pin_record::kind */
#define DAXLEASE_PIN_OTHER	0
#define DAXLEASE_PIN_RDMA	1
#define DAXLEASE_PIN_IO_URING	2

/* struct daxlease_pin_record::flags */
#define DAXLEASE_PIN_WRITABLE	(1U << 0)	/* the device may write */
#define DAXLEASE_PIN_REVOCABLE	(1U << 1)	/* the kernel can take the pin back */

/**
 * struct daxlease_record - what every record of a QUERY begins with
 * @size: bytes to the next record, a multiple of 8.
 * @type: DAXLEASE_RECORD_*.
 */
struct daxlease_record {
	__u32 size;
	__u32 type;
};

/**
 * struct daxlease_lease_record - one lease
 * @size: bytes to the next record.
 * @type: DAXLEASE_RECORD_LEASE.
 * @id: the lease's number.
 * @start: first byte of the range.
 * @end: byte behind the range, or DAXLEASE_TO_INFINITY.
 * @ino: inode number of the file.
 * @dev_major: device of the file's filesystem.
 * @dev_minor: likewise.
 * @mode: DAXLEASE_MODE_*.
 * @state: DAXLEASE_STATE_*.
 * @uid: who acquired it, in the reader's user namespace.
 * @pid: thread group that acquired it, in the reader's pid namespace; 0 where
 *	that one is gone or cannot be seen from there.
 * @holders: number of thread groups that may pin under it.
 * @pins: number of its pins, those that a SCAN leaves out included.
 * @pinned_pages: pages held immovable under it, by folio extent.
 * @age_ms: milliseconds since it was acquired.
 * @break_time_ms: in milliseconds, as acquired or, where that was 0, the default
 *	that applied then; 0 for an exclusive lease.
 * @breaking: number of layout changes that it has been told of by BREAK and not
 *	yet by RESUMED, whoever they wait for; 0 for an exclusive lease.
 * @comm: name of the acquiring task at that time, NUL-terminated; empty where
 *	its thread group is not of the reader's pid namespace or below it and the
 *	reader has no CAP_SYS_ADMIN in the initial user namespace.
 * @path: the file's path as the reader sees it, NUL-terminated, padded to 8.
 */
struct daxlease_lease_record {
	__u32 size;
	__u32 type;
	__aligned_u64 id;
	__aligned_u64 start;
	__aligned_u64 end;
	__aligned_u64 ino;
	__u32 dev_major;
	__u32 dev_minor;
	__u32 mode;
	__u32 state;
	__u32 uid;
	__s32 pid;
	__u32 holders;
	__u32 pins;
	__aligned_u64 pinned_pages;
	__aligned_u64 age_ms;
	__u32 break_time_ms;
	__u32 breaking;
	char comm[16];
	char path[];
};

/**
 * struct daxlease_pin_record - the pins of one owner under one lease
 * @size: bytes to the next record.
 * @type: DAXLEASE_RECORD_PIN.
 * @id: the pin's number.
 * @lease_id: the lease it is accounted to.
 * @start: first byte held immovable.
 * @end: byte behind the last one held immovable.
 * @pages: pages held immovable, by folio extent.
 * @age_ms: milliseconds since the first of these pages was pinned.
 * @runs: number of separate ranges between @start and @end.
 * @flags: DAXLEASE_PIN_*.
 * @kind: which subsystem pinned.
 * @uid: who pinned, in the reader's user namespace.
 * @pid: thread group that pinned, in the reader's pid namespace, or 0.
 * @reserved: 0.
 * @comm: name of the pinning task at that time, NUL-terminated; as above.
 * @owner: name of the pinning device, such as "rxe0", NUL-terminated.
 * @owner_file: path of the file whose last close drops the pin, such as
 *	"/dev/infiniband/uverbs0", as the pinning task saw it, NUL-terminated;
 *	empty where it is longer.
 */
struct daxlease_pin_record {
	__u32 size;
	__u32 type;
	__aligned_u64 id;
	__aligned_u64 lease_id;
	__aligned_u64 start;
	__aligned_u64 end;
	__aligned_u64 pages;
	__aligned_u64 age_ms;
	__u32 runs;
	__u32 flags;
	__u32 kind;
	__u32 uid;
	__s32 pid;
	__u32 reserved;
	char comm[16];
	char owner[32];
	char owner_file[64];
};

/**
 * struct daxlease_query - list leases, each followed by its pins
 * @size: sizeof(struct daxlease_query).
 * @flags: must be 0.
 * @buf: address of the buffer for the records.
 * @buf_len: its length in bytes.
 * @used: out: bytes written; 0 when the list is at its end.
 * @lease_cursor: in, out: 0 for the first call, then as the last call left it.
 * @pin_cursor: likewise.
 *
 * Shown are the leases that the caller's uid acquired in the caller's pid
 * namespace or below it, the one on this fd, and, with CAP_SYS_ADMIN in the
 * initial user namespace, all.  A buffer in which not one record fits is EINVAL,
 * one that cannot be written EFAULT.
 */
struct daxlease_query {
	__u32 size;
	__u32 flags;
	__aligned_u64 buf;
	__u32 buf_len;
	__u32 used;
	__aligned_u64 lease_cursor;
	__aligned_u64 pin_cursor;
};

/* struct daxlease_scan::flags */
#define DAXLEASE_SCAN_PINS_ONLY	(1U << 0)	/* do not look for transient references */

/* struct daxlease_scan::busy */
#define DAXLEASE_BUSY_PINNED	(1U << 0)	/* pinned for long, under a lease */
#define DAXLEASE_BUSY_TRANSIENT	(1U << 1)	/* referenced for the moment, as by O_DIRECT */

/**
 * struct daxlease_scan - is a range of a file busy, and by whom?
 * @size: sizeof(struct daxlease_scan).
 * @flags: DAXLEASE_SCAN_*.
 * @fd: a regular file in DAX mode on ext4 or xfs, open in any way but O_PATH.
 * @busy: out: DAXLEASE_BUSY_* of any page that the range touches; 0: idle.
 * @offset: first byte of the range.
 * @length: bytes.  0: from @offset to the end of the file.
 * @first: out: first byte of the first part that is pinned, or, where none is,
 *	that has a transient reference; 0 where the range is idle.
 * @end: out: byte behind that part, as far as the range reaches; 0 likewise.
 * @buf: address of a buffer for records, as of DAXLEASE_QUERY: the leases that
 *	touch the range or have pins there, each followed by these pins.
 * @buf_len: its length in bytes; 0: no records are wanted.
 * @used: out: bytes written; 0 when the list is at its end.
 * @lease_cursor: in, out: 0 for the first call, then as the last call left it.
 * @pin_cursor: likewise.
 *
 * Unmaps nothing, waits for nothing and holds nothing up, so the answer is of
 * the moment.  Pins are looked up in the accounts; transient references are
 * looked for page by page in what is not pinned.  Any user who has the file
 * open hears whether it is busy; the records are those that DAXLEASE_QUERY
 * shows to the caller.
 */
struct daxlease_scan {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 busy;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 first;
	__aligned_u64 end;
	__aligned_u64 buf;
	__u32 buf_len;
	__u32 used;
	__aligned_u64 lease_cursor;
	__aligned_u64 pin_cursor;
};

/**
 * struct daxlease_stats - what the module has done since it was loaded
 * @size: sizeof(struct daxlease_stats).
 * @flags: must be 0.
 * @leases: leases that exist now, orphaned ones included.
 * @orphaned: leases that exist now and are orphaned.
 * @pins: pins (owner and lease pairs) that exist now.
 * @pinned_pages: pages accounted now, by folio extent.
 * @acquired: leases ever acquired.
 * @pinned: pin batches ever admitted.
 * @pin_refused: pin batches ever refused with EOPNOTSUPP or EAGAIN.
 * @breaks: layout changes that met a leased file, each file and each restart
 *	after a signal counted.
 * @breaks_refused: of these, refused with ETXTBSY, EDEADLK or EAGAIN, at once
 *	or after a wait, or ended by a signal while they waited.
 * @drains: grace periods that a layout change waited for.
 * @waits: of @breaks, those that waited for the holders of breakable leases.
 * @revoked: pins that were revoked.
 * @events_lost: events that their readers were too slow for.
 *
 * Any user may read these sums.
 */
struct daxlease_stats {
	__u32 size;
	__u32 flags;
	__aligned_u64 leases;
	__aligned_u64 orphaned;
	__aligned_u64 pins;
	__aligned_u64 pinned_pages;
	__aligned_u64 acquired;
	__aligned_u64 pinned;
	__aligned_u64 pin_refused;
	__aligned_u64 breaks;
	__aligned_u64 breaks_refused;
	__aligned_u64 drains;
	__aligned_u64 waits;
	__aligned_u64 revoked;
	__aligned_u64 events_lost;
};

/**
 * struct daxlease_openers - which processes have the file of a pin open now?
 * @size: sizeof(struct daxlease_openers).
 * @flags: must be 0.
 * @pin: the pin's number, of a daxlease_pin_record.
 * @buf: address of an array of __s32 for their thread groups' numbers, in the
 *	caller's pid namespace.
 * @buf_len: its length in bytes.
 * @count: out: how many there are, also where that is more than fit in.
 *
 * A file may have been passed on by fork() or over a socket, so its openers say
 * who keeps a pin alive; none where the file is only in transit, or closed and
 * its pins about to go.  ENOENT: no such pin, or not one that DAXLEASE_QUERY
 * shows to the caller.
 */
struct daxlease_openers {
	__u32 size;
	__u32 flags;
	__aligned_u64 pin;
	__aligned_u64 buf;
	__u32 buf_len;
	__u32 count;
};

/* struct daxlease_force::flags */
#define DAXLEASE_FORCE_KILL	(1U << 0)	/* SIGKILL whom no revocation helps against */

/**
 * struct daxlease_force - the unpin of last resort
 * @size: sizeof(struct daxlease_force).
 * @flags: DAXLEASE_FORCE_*.
 * @fd: the file, open in any way but O_PATH.
 * @reserved: must be 0.
 * @offset: first byte of the range.
 * @length: bytes.  0: from @offset to infinity.
 * @revoked: out: pins that have been revoked.
 * @killed: out: thread groups that have been sent SIGKILL.
 * @pins: out: pins left in the range on return; those of killed processes go
 *	when these have ended.
 * @leases: out: leases left over the range on return, likewise.
 *
 * Revokes all pins in the range that can be revoked.  With DAXLEASE_FORCE_KILL,
 * kills who made the others, and the holders of all leases over the range.
 * Needs CAP_SYS_ADMIN in the initial user namespace, else EPERM.  Leaves a line
 * in the kernel log.  Where it fails with EINTR (the caller is killed), ENOMEM
 * or EFAULT, it may have done some or all of it.
 */
struct daxlease_force {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 reserved;
	__aligned_u64 offset;
	__aligned_u64 length;
	__u32 revoked;
	__u32 killed;
	__u32 pins;
	__u32 leases;
};

/* struct daxlease_event::type */
#define DAXLEASE_EVENT_BREAK	1	/* let go of the range until the deadline */
#define DAXLEASE_EVENT_RESUMED	2	/* that break is over, pins are admitted again */
#define DAXLEASE_EVENT_REVOKED	3	/* a pin has been taken back */
#define DAXLEASE_EVENT_DRAINED	4	/* the last pin under the lease is gone */
#define DAXLEASE_EVENT_OVERFLOW	5	/* events have been lost, see @lost */

/* struct daxlease_event::reason */
#define DAXLEASE_REASON_NONE		0
#define DAXLEASE_REASON_TRUNCATE	1
#define DAXLEASE_REASON_PUNCH_HOLE	2
#define DAXLEASE_REASON_ZERO_RANGE	3
#define DAXLEASE_REASON_UNSHARE_RANGE	4
#define DAXLEASE_REASON_COLLAPSE_RANGE	5
#define DAXLEASE_REASON_INSERT_RANGE	6
#define DAXLEASE_REASON_REMAP		7	/* reflink, dedupe */
#define DAXLEASE_REASON_EXCHANGE	8
#define DAXLEASE_REASON_WHOLE_FILE	9	/* repair and the like */
#define DAXLEASE_REASON_FORCE		10	/* DAXLEASE_FORCE */
#define DAXLEASE_REASON_DEVICE_GONE	11	/* the driver of the memory is unbound */

/**
 * struct daxlease_event - what read() on a lease fd returns, one or more of them
 * @size: bytes to the next event.
 * @type: DAXLEASE_EVENT_*.
 * @lease_id: the lease.
 * @break_id: BREAK, RESUMED: the layout change, the same in both.
 * @pin_id: REVOKED: the pin.
 * @start: first byte of the range; of the layout change for BREAK and RESUMED,
 *	of the pin for REVOKED.
 * @end: byte behind the range, or DAXLEASE_TO_INFINITY.
 * @time_ns: when it happened, CLOCK_MONOTONIC.
 * @deadline_ns: BREAK: until when to let go, CLOCK_MONOTONIC.
 * @reason: BREAK, RESUMED, REVOKED: DAXLEASE_REASON_*, why.
 * @outcome: RESUMED: 0 where the layout change was let go on, else the errno
 *	that it ended with: ETXTBSY, EINTR, ...
 * @lost: OVERFLOW: number of events that did not fit in, as the reader was too
 *	slow.  What is so now, DAXLEASE_QUERY tells.
 * @reserved: 0.
 *
 * A layout change that has to wait for pins tells so to each breakable lease
 * over its range, with pins or without, and to each one beside it whose pins
 * have reached into the range: a pin holds its whole folio.  One that need not
 * wait tells nobody.
 *
 * read() waits for an event, or fails with EAGAIN on a fd with O_NONBLOCK; it
 * returns whole events only, and fails with EINVAL where not one fits in, with
 * ENOENT where the fd carries no lease.  poll() tells POLLIN when there is one,
 * and POLLHUP where the fd carries no lease.  With O_ASYNC each one raises
 * SIGIO, or what F_SETSIG says.
 */
struct daxlease_event {
	__u32 size;
	__u32 type;
	__aligned_u64 lease_id;
	__aligned_u64 break_id;
	__aligned_u64 pin_id;
	__aligned_u64 start;
	__aligned_u64 end;
	__aligned_u64 time_ns;
	__aligned_u64 deadline_ns;
	__u32 reason;
	__u32 outcome;
	__u32 lost;
	__u32 reserved;
};

#define DAXLEASE_ACQUIRE	_IO(DAXLEASE_IOC_MAGIC, 1)	/* struct daxlease_acquire */
#define DAXLEASE_ATTACH		_IO(DAXLEASE_IOC_MAGIC, 2)	/* struct daxlease_attach */
#define DAXLEASE_RELEASE	_IO(DAXLEASE_IOC_MAGIC, 3)	/* struct daxlease_release */
#define DAXLEASE_QUERY		_IO(DAXLEASE_IOC_MAGIC, 4)	/* struct daxlease_query */
#define DAXLEASE_STATS		_IO(DAXLEASE_IOC_MAGIC, 5)	/* struct daxlease_stats */
#define DAXLEASE_SCAN		_IO(DAXLEASE_IOC_MAGIC, 6)	/* struct daxlease_scan */
#define DAXLEASE_OPENERS	_IO(DAXLEASE_IOC_MAGIC, 7)	/* struct daxlease_openers */
#define DAXLEASE_FORCE		_IO(DAXLEASE_IOC_MAGIC, 8)	/* struct daxlease_force */

#endif /* _UAPI_LINUX_DAXLEASE_H */
