// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lease.h"
#include "util.h"

int lease_open(void)
{
	int fd = open(LEASE_DEV, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int lease_acquire(int lease, int fd, uint64_t off, uint64_t len, uint64_t *id)
{
	struct daxlease_acquire arg = {
		.size	= sizeof(arg),
		.fd	= fd,
		.mode	= DAXLEASE_MODE_EXCLUSIVE,
		.offset	= off,
		.length	= len,
	};

	if (ioctl(lease, DAXLEASE_ACQUIRE, &arg))
		return -errno;
	if (id)
		*id = arg.id;
	return 0;
}

int lease_attach(int lease)
{
	struct daxlease_attach arg = { .size = sizeof(arg) };

	return ioctl(lease, DAXLEASE_ATTACH, &arg) ? -errno : 0;
}

int lease_release(int lease)
{
	struct daxlease_release arg = { .size = sizeof(arg) };

	return ioctl(lease, DAXLEASE_RELEASE, &arg) ? -errno : 0;
}

int lease_set_nonblock(int lease, bool on)
{
	return fcntl(lease, F_SETFL, on ? O_NONBLOCK : 0) ? -errno : 0;
}

uint32_t lease_parameter(const char *name, uint32_t unless_said)
{
	const char *value = getenv(name);

	return value ? strtoul(value, NULL, 10) : unless_said;
}

int lease_take(int fd)
{
	int lease, ret;

	lease = lease_open();
	if (lease < 0)
		return lease;
	ret = lease_acquire(lease, fd, 0, 0, NULL);
	if (!ret)
		return lease;
	close(lease);
	return ret;
}

int lease_stats(struct daxlease_stats *stats)
{
	int ret = 0, fd;

	fd = lease_open();
	if (fd < 0)
		return fd;
	memset(stats, 0, sizeof(*stats));
	stats->size = sizeof(*stats);
	if (ioctl(fd, DAXLEASE_STATS, stats))
		ret = -errno;
	close(fd);
	return ret;
}

int lease_openers(int lease, uint64_t pin, int32_t *pids, uint32_t len)
{
	struct daxlease_openers args = {
		.size		= sizeof(args),
		.pin		= pin,
		.buf		= (uintptr_t)pids,
		.buf_len	= len,
	};

	return ioctl(lease, DAXLEASE_OPENERS, &args) ? -errno : (int)args.count;
}

bool lease_opened_by(const int32_t *pids, int n, pid_t pid)
{
	while (n-- > 0)
		if (pids[n] == pid)
			return true;
	return false;
}

uint64_t lease_pinned_pages(void)
{
	struct daxlease_stats stats;

	return lease_stats(&stats) ? ~0ULL : stats.pinned_pages;
}

int records_each(const char *buf, uint32_t used, record_fn fn, void *arg)
{
	const struct daxlease_record *record;
	uint32_t at;
	int ret = 0;

	for (at = 0; at < used && !ret; at += record->size) {
		record = (const void *)(buf + at);
		if (used - at < sizeof(*record) || record->size < sizeof(*record) ||
		    record->size % 8 || record->size > used - at)
			return -EPROTO;
		ret = fn(record, arg);
	}
	return ret;
}

int lease_query(int lease, uint32_t buf_len, record_fn fn, void *arg)
{
	struct daxlease_query query = { .size = sizeof(query) };
	char *buf = aligned_alloc(PAGE_SZ, PAGE_SZ * (buf_len / PAGE_SZ + 1));
	int ret;

	if (!buf)
		return -ENOMEM;
	do {
		query.buf = (uintptr_t)buf;
		query.buf_len = buf_len;
		ret = ioctl(lease, DAXLEASE_QUERY, &query) ? -errno : 0;
		if (!ret && query.used > buf_len)
			ret = -EPROTO;
		if (!ret)
			ret = records_each(buf, query.used, fn, arg);
	} while (!ret && query.used);
	free(buf);
	return ret;
}

struct search {
	struct lease_view *view;
	uint64_t id;
	ino_t ino;
	int found;
};

static int search_record(const struct daxlease_record *record, void *arg)
{
	const struct daxlease_lease_record *lease = (const void *)record;
	const struct daxlease_pin_record *pin = (const void *)record;
	struct search *s = arg;

	if (record->type == DAXLEASE_RECORD_LEASE) {
		if (s->id ? lease->id != s->id : lease->ino != s->ino)
			return 0;
		s->found++;
		s->view->lease = *lease;
		snprintf(s->view->path, sizeof(s->view->path), "%s", lease->path);
	} else if (record->type == DAXLEASE_RECORD_PIN && s->found &&
		   pin->lease_id == s->view->lease.id &&
		   s->view->pins < VIEW_PINS) {
		s->view->pin[s->view->pins++] = *pin;
	}
	return 0;
}

static int view_search(int lease, struct search *s)
{
	int ret;

	memset(s->view, 0, sizeof(*s->view));
	ret = lease_query(lease, 4 * PAGE_SZ, search_record, s);
	if (ret)
		return ret;
	return s->found > 1 ? -E2BIG : s->found;
}

int lease_view(int lease, uint64_t id, struct lease_view *view)
{
	struct search s = { .view = view, .id = id };

	return view_search(lease, &s);
}

int lease_view_ino(int lease, ino_t ino, struct lease_view *view)
{
	struct search s = { .view = view, .ino = ino };

	return view_search(lease, &s);
}

struct limit {
	uint64_t leases;
	uint64_t pins;
};

static bool leases_down_to(void *arg)
{
	struct limit *limit = arg;
	struct daxlease_stats stats;

	return !lease_stats(&stats) && stats.leases <= limit->leases &&
	       stats.pins <= limit->pins;
}

bool wait_leases(uint64_t leases, uint64_t pins)
{
	struct limit limit = { leases, pins };

	return wait_until(leases_down_to, &limit);
}
