// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "scan.h"
#include "util.h"

/* What no answer has: whatever is not written stands out. */
#define UNSET	0x5a5a5a5aU

static void scan_init(struct daxlease_scan *scan, int fd, uint64_t off, uint64_t len)
{
	memset(scan, 0, sizeof(*scan));
	scan->size = sizeof(*scan);
	scan->fd = fd;
	scan->offset = off;
	scan->length = len;
	scan->busy = UNSET;
	scan->first = UNSET;
	scan->end = UNSET;
	scan->used = UNSET;
}

int scan_busy(int lease, int fd, uint64_t off, uint64_t len, uint32_t flags,
	      struct daxlease_scan *scan)
{
	scan_init(scan, fd, off, len);
	scan->flags = flags;
	return ioctl(lease, DAXLEASE_SCAN, scan) ? -errno : 0;
}

static int view_record(const struct daxlease_record *record, void *arg)
{
	struct scan_view *view = arg;
	struct daxlease_lease_record *last = view->leases ? &view->lease[view->leases - 1] : NULL;

	if (record->type == DAXLEASE_RECORD_LEASE) {
		if (view->leases == SCAN_LEASES)
			return -E2BIG;
		memcpy(&view->lease[view->leases], record, sizeof(view->lease[0]));
		view->disorder += last && view->lease[view->leases].id <= last->id;
		view->leases++;
	} else if (record->type == DAXLEASE_RECORD_PIN) {
		if (view->pins == SCAN_PINS)
			return -E2BIG;
		memcpy(&view->pin[view->pins], record, sizeof(view->pin[0]));
		view->disorder += !last || view->pin[view->pins].lease_id != last->id;
		view->pins++;
	}
	return 0;
}

int scan_view(int lease, int fd, uint64_t off, uint64_t len, uint32_t buf_len,
	      struct scan_view *view)
{
	char *buf = aligned_alloc(PAGE_SZ, PAGE_SZ * (buf_len / PAGE_SZ + 1));
	struct daxlease_scan scan;
	int ret;

	if (!buf)
		return -ENOMEM;
	memset(view, 0, sizeof(*view));
	scan_init(&scan, fd, off, len);
	do {
		scan.buf = (uintptr_t)buf;
		scan.buf_len = buf_len;
		ret = ioctl(lease, DAXLEASE_SCAN, &scan) ? -errno : 0;
		if (!ret && scan.used > buf_len)
			ret = -EPROTO;
		if (!ret)
			ret = records_each(buf, scan.used, view_record, view);
		if (!view->calls++)
			view->scan = scan;
	} while (!ret && scan.used);
	free(buf);
	return ret;
}
