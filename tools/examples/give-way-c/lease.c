// SPDX-License-Identifier: GPL-2.0
/* /dev/daxlease: a breakable lease, and what is told to its holder. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "give-way.h"

/* What to do about it. */
static const char *advice(int error)
{
	switch (error) {
	case EOPNOTSUPP:
		return "the file must lie on ext4 or xfs mounted with -o dax=always";
	case EACCES:
		return "you must own the file, or be root";
	case ERANGE:
		return "the break time is above the system's maximum";
	case ENOSPC:
		return "this user has as many leases as are allowed";
	default:
		return "see Documentation/uapi.rst";
	}
}

int lease_take(int file, uint32_t break_time_ms, uint64_t *id)
{
	struct daxlease_acquire acquire = {
		.size = sizeof(acquire),
		.fd = file,
		.mode = DAXLEASE_MODE_BREAKABLE,
		.offset = 0,
		.length = SERVED_SIZE,
		.break_time_ms = break_time_ms,
	};
	int lease = open("/dev/daxlease", O_RDWR | O_CLOEXEC);

	if (lease < 0)
		fail_errno("opening /dev/daxlease; load daxlease.ko, or see tools/60-daxlease.rules");
	/* Somebody is changing the file this very moment. */
	while (ioctl(lease, DAXLEASE_ACQUIRE, &acquire)) {
		if (errno != EAGAIN)
			fail_errno("taking the lease: %s", advice(errno));
		usleep(10000);
	}
	*id = acquire.id;
	return lease;
}

void lease_events(int lease, void (*handle)(void *arg, const struct daxlease_event *event),
		  void *arg)
{
	/* Room for more than one, also if a later module's are longer. */
	char buf[1024] __attribute__((__aligned__(8)));
	const struct daxlease_event *event;
	ssize_t len, at;

	do {
		len = read(lease, buf, sizeof(buf));
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		fail_errno("reading the events of the lease");
	for (at = 0; at < len; at += event->size) {
		event = (const struct daxlease_event *)(buf + at);
		if (event->size < sizeof(*event))
			fail("an event of %u bytes: the module is older than this program",
			     event->size);
		handle(arg, event);
	}
}

const char *lease_reason(uint32_t reason)
{
	static const char * const reasons[] = {
		[DAXLEASE_REASON_NONE]		= "change",
		[DAXLEASE_REASON_TRUNCATE]	= "truncate",
		[DAXLEASE_REASON_PUNCH_HOLE]	= "punch a hole into",
		[DAXLEASE_REASON_ZERO_RANGE]	= "zero",
		[DAXLEASE_REASON_UNSHARE_RANGE]	= "unshare",
		[DAXLEASE_REASON_COLLAPSE_RANGE] = "cut a part out of",
		[DAXLEASE_REASON_INSERT_RANGE]	= "insert a part into",
		[DAXLEASE_REASON_REMAP]		= "reflink",
		[DAXLEASE_REASON_EXCHANGE]	= "exchange a part of",
		[DAXLEASE_REASON_WHOLE_FILE]	= "repair",
		[DAXLEASE_REASON_FORCE]		= "free",
		[DAXLEASE_REASON_DEVICE_GONE]	= "take the device away from",
	};

	if (reason >= sizeof(reasons) / sizeof(reasons[0]))
		return reasons[DAXLEASE_REASON_NONE];
	return reasons[reason];
}
