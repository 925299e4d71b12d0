// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "event.h"
#include "lease.h"

#define PATIENCE_MS	30000

int lease_acquire_breakable(int lease, int fd, uint64_t off, uint64_t len,
			    uint32_t break_time_ms)
{
	struct daxlease_acquire args = {
		.size = sizeof(args),
		.fd = fd,
		.mode = DAXLEASE_MODE_BREAKABLE,
		.offset = off,
		.length = len,
		.break_time_ms = break_time_ms,
	};

	return ioctl(lease, DAXLEASE_ACQUIRE, &args) ? -errno : 0;
}

static int poll_in(int lease, int timeout)
{
	struct pollfd pfd = { .fd = lease, .events = POLLIN };

	return poll(&pfd, 1, timeout) == 1 && pfd.revents & POLLIN;
}

bool event_pending(int lease)
{
	return poll_in(lease, 0);
}

int event_next(int lease, struct daxlease_event *event)
{
	ssize_t got;

	memset(event, 0, sizeof(*event));
	if (!poll_in(lease, PATIENCE_MS))
		return -ETIME;
	got = read(lease, event, sizeof(*event));
	if (got < 0)
		return -errno;
	return got == sizeof(*event) && event->size == sizeof(*event) ? 0 : -EPROTO;
}

int event_wait(int lease, uint32_t type, struct daxlease_event *event)
{
	int ret;

	do {
		ret = event_next(lease, event);
	} while (!ret && event->type != type);
	return ret;
}

int event_count(int lease, uint32_t type)
{
	struct daxlease_event event;
	int ret, nr = 0;

	while (event_pending(lease)) {
		ret = event_next(lease, &event);
		if (ret)
			return ret;
		nr += event.type == type;
	}
	return nr;
}
