// SPDX-License-Identifier: GPL-2.0
/* What holders read on their lease fds, and do about it; FORCE. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lease.h"
#include "worker.h"

/* A read must not wait: somebody else may have changed the flag, or been faster. */
#define IMPATIENCE_US	5000
/* So many a queue holds, and a few that come meanwhile. */
#define READ_MAX	80

#define NS_PER_MS	1000000ULL

static void event_fault(const struct daxlease_event *event, const char *what)
{
	fault(FAULT_RULE, "event %u of lease %llu, %llx to %llx, reason %u, outcome %u: %s",
	      event->type, (unsigned long long)event->lease_id,
	      (unsigned long long)event->start, (unsigned long long)event->end, event->reason,
	      event->outcome, what);
}

static bool in_lease(const struct daxlease_event *event, const struct s_lease *lease)
{
	uint64_t end = lease->end == TO_INFINITY ? DAXLEASE_TO_INFINITY : lease->end * PAGE_SZ;

	return event->start >= lease->first * PAGE_SZ && event->end <= end;
}

static void check_break(const struct daxlease_event *event, const struct s_lease *lease)
{
	if (!lease->break_ms)
		event_fault(event, "and the lease is exclusive");
	if (event->start >= event->end || event->end <= lease->first * PAGE_SZ ||
	    (lease->end != TO_INFINITY && event->start >= lease->end * PAGE_SZ))
		event_fault(event, "and the lease is elsewhere");
	if (event->reason < DAXLEASE_REASON_TRUNCATE || event->reason > DAXLEASE_REASON_WHOLE_FILE)
		event_fault(event, "for no reason");
}

/* Under the lock. */
static void event_check(const struct daxlease_event *event, const struct s_lease *lease)
{
	switch (event->type) {
	case DAXLEASE_EVENT_BREAK:
		check_break(event, lease);
		if (event->deadline_ns - event->time_ns != lease->break_ms * NS_PER_MS)
			event_fault(event, "with another break time");
		break;
	case DAXLEASE_EVENT_RESUMED:
		check_break(event, lease);
		if (event->outcome && event->outcome != ETXTBSY && event->outcome != EINTR &&
		    event->outcome != EDEADLK)
			event_fault(event, "with an outcome that there is not");
		break;
	case DAXLEASE_EVENT_REVOKED:
		if (!in_lease(event, lease))
			event_fault(event, "and the lease is elsewhere");
		break;
	case DAXLEASE_EVENT_DRAINED:
	case DAXLEASE_EVENT_OVERFLOW:
		break;
	default:
		event_fault(event, "and there is no such event");
	}
}

/* Under the lock. */
static void event_record(struct s_lease *lease, const struct daxlease_event *event)
{
	/* Late, or early: who released or acquired it has not said so yet. */
	if (!lease->id || lease->id != event->lease_id) {
		lease->events_lost = true;
		return;
	}
	event_check(event, lease);
	switch (event->type) {
	case DAXLEASE_EVENT_BREAK:
		lease->breaks_open++;
		lease->breaks_sum += event->break_id;
		did(DID_BREAK);
		break;
	case DAXLEASE_EVENT_RESUMED:
		lease->breaks_open--;
		lease->breaks_sum -= event->break_id;
		break;
	case DAXLEASE_EVENT_OVERFLOW:
		lease->events_lost = true;
		break;
	}
}

static int event_read(int fd, struct daxlease_event *event)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&pfd, 1, 0) != 1)
		return -EAGAIN;
	/* A flag that all copies share. */
	lease_set_nonblock(fd, true);
	impatient(IMPATIENCE_US);
	n = read(fd, event, sizeof(*event));
	n = n < 0 ? -errno : n;
	impatient(0);
	if (n < 0)
		return n;
	if (n != sizeof(*event) || event->size != sizeof(*event))
		fault(FAULT_RULE, "an event of %zd bytes says that it has %u", n, event->size);
	return 0;
}

int event_take(int i, struct daxlease_event *event)
{
	struct s_lease *lease = &shm->lease[i];
	int ret;

	model_lock();
	me->doing_events = i;
	model_unlock();
	ret = event_read(me->lease_fd[i], event);
	model_lock();
	me->doing_events = -1;
	if (!ret)
		event_record(lease, event);
	model_unlock();
	EXPECTED("read of an event", ret, -EAGAIN, -EINTR, -ENOENT);
	return ret;
}

void events_take_all(void)
{
	struct daxlease_event event;

	for (int i = 0; i < LEASES_MAX; i++) {
		while (me->lease_fd[i] >= 0 && !event_take(i, &event))
			;
	}
}

/* What there is to be done about a break. */
enum reaction {
	GIVE_WAY,
	GIVE_WAY_TOO,
	IGNORE,
	PASS,
	CLOSE,
	EXEC,
	REACTIONS,
};

/* Rather a lease whose holder can be asked for something. */
static int lease_to_read(struct rng *rng)
{
	unsigned int start = rng_below(rng, LEASES_MAX);
	int any = -1;

	for (int n = 0; n < LEASES_MAX; n++) {
		int i = (start + n) % LEASES_MAX;

		if (me->lease_fd[i] < 0)
			continue;
		any = i;
		if (shm->lease[i].break_ms)
			break;
	}
	return any;
}

static int react(struct rng *rng, enum reaction reaction, int lease, int file,
		 const struct daxlease_event *event)
{
	uint64_t end = event->end == DAXLEASE_TO_INFINITY ? TO_INFINITY : event->end / PAGE_SZ;

	switch (reaction) {
	case GIVE_WAY:
	case GIVE_WAY_TOO:
		if (unpin_all(file, event->start / PAGE_SZ, end))
			did(DID_GIVE_WAY);
		return 0;
	case PASS:
		return inbox_send(rng_below(rng, shm->workers), false, lease);
	case CLOSE:
		lease_close(lease);
		return 0;
	case EXEC:
		return op_exec(rng);
	default:
		return 0;
	}
}

int op_events(struct rng *rng)
{
	enum reaction reaction = rng_below(rng, REACTIONS);
	struct daxlease_event event, asked = { 0 };
	int i = lease_to_read(rng), file = -1, dev;
	bool resumed = false;

	note(i, reaction, 0);
	if (i < 0)
		return SKIPPED;
	for (int n = 0; n < READ_MAX && !event_take(i, &event); n++) {
		if (event.type == DAXLEASE_EVENT_BREAK) {
			asked = event;
		} else if (event.type == DAXLEASE_EVENT_RESUMED) {
			resumed = true;
			if (event.break_id == asked.break_id)
				asked.break_id = 0;
		}
	}
	model_lock();
	if (shm->lease[i].used)
		file = shm->lease[i].file;
	model_unlock();
	if (file < 0 || !(asked.break_id || resumed))
		return 0;
	if (asked.break_id)
		return react(rng, reaction, i, file, &asked);
	dev = dev_make(rng);
	if (dev < 0 || file_open(file) < 0)
		return 0;
	if (!pin_pages(rng, file, dev))
		did(DID_PIN_AGAIN);
	return 0;
}

/* What FORCE must find, or leave behind. */
struct stay {
	uint64_t start;
	unsigned int pins;
	unsigned int leases;
};

static void force_begin(int file, uint64_t first, uint64_t end, struct stay *stay)
{
	model_lock();
	stay->start = ++shm->now;
	shm->file[file].forcing++;
	me->doing_force = file;
	for (int i = 0; i < PINS_MAX; i++) {
		struct s_pin *pin = &shm->pin[i];

		if (pin->state != PIN_FREE && pin->file == file && pin->first < end &&
		    first < pin->first + pin->nr)
			pin_risk(pin);
	}
	model_unlock();
}

static void force_end(int file, uint64_t first, uint64_t end, bool done, struct stay *stay)
{
	int i;

	model_lock();
	me->doing_force = -1;
	shm->file[file].forcing--;
	for (i = 0; i < PINS_MAX; i++) {
		struct s_pin *pin = &shm->pin[i];

		if (pin->state != PIN_HELD || pin->file != file || pin->since > stay->start ||
		    pin->first >= end || first >= pin->first + pin->nr)
			continue;
		stay->pins += pin_certain(pin);
		/* By somebody else, it may be about to be. */
		pin->doomed |= done && pin->revocable;
	}
	for (i = 0; i < LEASES_MAX; i++) {
		const struct s_lease *lease = &shm->lease[i];

		stay->leases += lease_certain(lease) && lease->file == file &&
				lease->since < stay->start && lease->first < end &&
				first < lease->end;
	}
	model_unlock();
}

int op_force(struct rng *rng)
{
	unsigned int first = rng_below(rng, FILE_PAGES), nr = 1 + rng_below(rng, PIN_PAGES_MAX);
	bool whole = !rng_below(rng, 3);
	struct daxlease_force arg = { .size = sizeof(arg) };
	uint64_t end = whole ? TO_INFINITY : first + nr;
	int file = file_any(rng), fd, ret;
	struct stay stay = { 0 };

	if (file < 0)
		return SKIPPED;
	if (whole)
		first = 0;
	note(file, first, nr);
	fd = lease_open();
	if (fd < 0)
		return fd;
	arg.fd = me->file_fd[file];
	arg.offset = first * PAGE_SZ;
	arg.length = whole ? 0 : nr * PAGE_SZ;
	force_begin(file, first, end, &stay);
	ret = ioctl(fd, DAXLEASE_FORCE, &arg) ? -errno : 0;
	force_end(file, first, end, !ret, &stay);
	close(fd);
	if (!ret && (arg.pins < stay.pins || arg.leases < stay.leases))
		fault(FAULT_RULE, "FORCE on file %d left %u pins and %u leases, not %u and %u",
		      file, arg.pins, arg.leases, stay.pins, stay.leases);
	EXPECTED("FORCE", ret, 0);
	did(DID_FORCE);
	return ret;
}
