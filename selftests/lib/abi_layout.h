/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The structures are the same for every caller: checked by the compiler, for each
 * word size that includes this.
 */
#ifndef SELFTESTS_ABI_LAYOUT_H
#define SELFTESTS_ABI_LAYOUT_H

#include <linux/daxlease.h>
#include <stddef.h>

#include "../testdev/testdev_uapi.h"

#define SIZE(type, size) \
	_Static_assert(sizeof(struct type) == (size), "size of " #type)
#define AT(type, member, offset) \
	_Static_assert(offsetof(struct type, member) == (offset), #type "." #member)
/* As 32-bit code would lay it out, where 64-bit numbers need not be aligned. */
#define ALIGNED(type) \
	_Static_assert(_Alignof(struct type) == 8, "alignment of " #type)

SIZE(daxlease_acquire, 48);
ALIGNED(daxlease_acquire);
AT(daxlease_acquire, size, 0);
AT(daxlease_acquire, flags, 4);
AT(daxlease_acquire, fd, 8);
AT(daxlease_acquire, mode, 12);
AT(daxlease_acquire, offset, 16);
AT(daxlease_acquire, length, 24);
AT(daxlease_acquire, break_time_ms, 32);
AT(daxlease_acquire, reserved, 36);
AT(daxlease_acquire, id, 40);

SIZE(daxlease_attach, 16);
ALIGNED(daxlease_attach);
AT(daxlease_attach, size, 0);
AT(daxlease_attach, flags, 4);
AT(daxlease_attach, id, 8);

SIZE(daxlease_release, 8);
AT(daxlease_release, size, 0);
AT(daxlease_release, flags, 4);

SIZE(daxlease_record, 8);
AT(daxlease_record, size, 0);
AT(daxlease_record, type, 4);

SIZE(daxlease_lease_record, 112);
ALIGNED(daxlease_lease_record);
AT(daxlease_lease_record, size, 0);
AT(daxlease_lease_record, type, 4);
AT(daxlease_lease_record, id, 8);
AT(daxlease_lease_record, start, 16);
AT(daxlease_lease_record, end, 24);
AT(daxlease_lease_record, ino, 32);
AT(daxlease_lease_record, dev_major, 40);
AT(daxlease_lease_record, dev_minor, 44);
AT(daxlease_lease_record, mode, 48);
AT(daxlease_lease_record, state, 52);
AT(daxlease_lease_record, uid, 56);
AT(daxlease_lease_record, pid, 60);
AT(daxlease_lease_record, holders, 64);
AT(daxlease_lease_record, pins, 68);
AT(daxlease_lease_record, pinned_pages, 72);
AT(daxlease_lease_record, age_ms, 80);
AT(daxlease_lease_record, break_time_ms, 88);
AT(daxlease_lease_record, breaking, 92);
AT(daxlease_lease_record, comm, 96);
AT(daxlease_lease_record, path, 112);

SIZE(daxlease_pin_record, 192);
ALIGNED(daxlease_pin_record);
AT(daxlease_pin_record, size, 0);
AT(daxlease_pin_record, type, 4);
AT(daxlease_pin_record, id, 8);
AT(daxlease_pin_record, lease_id, 16);
AT(daxlease_pin_record, start, 24);
AT(daxlease_pin_record, end, 32);
AT(daxlease_pin_record, pages, 40);
AT(daxlease_pin_record, age_ms, 48);
AT(daxlease_pin_record, runs, 56);
AT(daxlease_pin_record, flags, 60);
AT(daxlease_pin_record, kind, 64);
AT(daxlease_pin_record, uid, 68);
AT(daxlease_pin_record, pid, 72);
AT(daxlease_pin_record, reserved, 76);
AT(daxlease_pin_record, comm, 80);
AT(daxlease_pin_record, owner, 96);
AT(daxlease_pin_record, owner_file, 128);

SIZE(daxlease_query, 40);
ALIGNED(daxlease_query);
AT(daxlease_query, size, 0);
AT(daxlease_query, flags, 4);
AT(daxlease_query, buf, 8);
AT(daxlease_query, buf_len, 16);
AT(daxlease_query, used, 20);
AT(daxlease_query, lease_cursor, 24);
AT(daxlease_query, pin_cursor, 32);

SIZE(daxlease_scan, 80);
ALIGNED(daxlease_scan);
AT(daxlease_scan, size, 0);
AT(daxlease_scan, flags, 4);
AT(daxlease_scan, fd, 8);
AT(daxlease_scan, busy, 12);
AT(daxlease_scan, offset, 16);
AT(daxlease_scan, length, 24);
AT(daxlease_scan, first, 32);
AT(daxlease_scan, end, 40);
AT(daxlease_scan, buf, 48);
AT(daxlease_scan, buf_len, 56);
AT(daxlease_scan, used, 60);
AT(daxlease_scan, lease_cursor, 64);
AT(daxlease_scan, pin_cursor, 72);

SIZE(daxlease_stats, 112);
ALIGNED(daxlease_stats);
AT(daxlease_stats, size, 0);
AT(daxlease_stats, flags, 4);
AT(daxlease_stats, leases, 8);
AT(daxlease_stats, orphaned, 16);
AT(daxlease_stats, pins, 24);
AT(daxlease_stats, pinned_pages, 32);
AT(daxlease_stats, acquired, 40);
AT(daxlease_stats, pinned, 48);
AT(daxlease_stats, pin_refused, 56);
AT(daxlease_stats, breaks, 64);
AT(daxlease_stats, breaks_refused, 72);
AT(daxlease_stats, drains, 80);
AT(daxlease_stats, waits, 88);
AT(daxlease_stats, revoked, 96);
AT(daxlease_stats, events_lost, 104);

SIZE(daxlease_openers, 32);
ALIGNED(daxlease_openers);
AT(daxlease_openers, size, 0);
AT(daxlease_openers, flags, 4);
AT(daxlease_openers, pin, 8);
AT(daxlease_openers, buf, 16);
AT(daxlease_openers, buf_len, 24);
AT(daxlease_openers, count, 28);

SIZE(daxlease_force, 48);
ALIGNED(daxlease_force);
AT(daxlease_force, size, 0);
AT(daxlease_force, flags, 4);
AT(daxlease_force, fd, 8);
AT(daxlease_force, reserved, 12);
AT(daxlease_force, offset, 16);
AT(daxlease_force, length, 24);
AT(daxlease_force, revoked, 32);
AT(daxlease_force, killed, 36);
AT(daxlease_force, pins, 40);
AT(daxlease_force, leases, 44);

SIZE(daxlease_event, 80);
ALIGNED(daxlease_event);
AT(daxlease_event, size, 0);
AT(daxlease_event, type, 4);
AT(daxlease_event, lease_id, 8);
AT(daxlease_event, break_id, 16);
AT(daxlease_event, pin_id, 24);
AT(daxlease_event, start, 32);
AT(daxlease_event, end, 40);
AT(daxlease_event, time_ns, 48);
AT(daxlease_event, deadline_ns, 56);
AT(daxlease_event, reason, 64);
AT(daxlease_event, outcome, 68);
AT(daxlease_event, lost, 72);
AT(daxlease_event, reserved, 76);

SIZE(testdev_pin, 24);
SIZE(testdev_io, 32);

#endif
