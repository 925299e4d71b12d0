// SPDX-License-Identifier: GPL-2.0
/* What the readers of lease fds are told: events as they must come, and as they do. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "model.h"

#define EVENT_SIZE	sizeof(struct daxlease_event)
#define NS_PER_MS	1000000ULL

void inbox_clear(struct inbox *inbox)
{
	inbox->nr = 0;
	inbox->lost = 0;
	inbox->unsure = false;
}

/* As the module does it: see rust/event.rs. */
static void push(struct model *model, struct inbox *inbox, const struct daxlease_event *event)
{
	const struct daxlease_event *last = inbox->nr ? &inbox->event[inbox->nr - 1] : NULL;

	if (event->type == DAXLEASE_EVENT_DRAINED && !inbox->lost && last &&
	    last->type == DAXLEASE_EVENT_DRAINED)
		return;
	if (inbox->nr == INBOX_EVENTS || inbox->lost) {
		inbox->lost++;
		model->lost++;
		return;
	}
	inbox->event[inbox->nr++] = *event;
}

static uint64_t bytes(uint64_t page)
{
	return page == ~0ULL ? DAXLEASE_TO_INFINITY : page * PAGE_SZ;
}

static unsigned int pins_under(const struct truth *truth, uint64_t lease)
{
	unsigned int pins = 0;

	for (unsigned int i = 0; i < truth->nr; i++) {
		const struct daxlease_pin_record *pin = pin_of(truth->record[i]);

		pins += pin && pin->lease_id == lease;
	}
	return pins;
}

static bool has_pin(const struct truth *truth, uint64_t id)
{
	for (unsigned int i = 0; i < truth->nr; i++) {
		if (pin_of(truth->record[i]) && pin_of(truth->record[i])->id == id)
			return true;
	}
	return false;
}

/* Pins of a lease that the last call has revoked, in the order of their numbers. */
static unsigned int tell_revoked(struct model *model, struct inbox *inbox, uint64_t lease)
{
	const struct truth *past = model_past(model), *now = model_truth(model);
	unsigned int told = 0;

	for (unsigned int i = 0; i < past->nr && model->revoked; i++) {
		const struct daxlease_pin_record *pin = pin_of(past->record[i]);
		struct daxlease_event event = {
			.size		= EVENT_SIZE,
			.type		= DAXLEASE_EVENT_REVOKED,
			.lease_id	= lease,
			.reason		= model->plan.reason,
		};

		if (!pin || pin->lease_id != lease || has_pin(now, pin->id))
			continue;
		event.pin_id = pin->id;
		event.start = pin->start;
		event.end = pin->end;
		push(model, inbox, &event);
		told++;
	}
	return told;
}

/*
 * A pin that fails in its middle leaves nothing, but was there for a moment: then
 * its lease was told that it has gone.
 */
static void tell_failed(struct model_desc *desc, int fd)
{
	struct inbox *inbox = &desc->inbox;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct daxlease_event drained = {
		.size		= EVENT_SIZE,
		.type		= DAXLEASE_EVENT_DRAINED,
		.lease_id	= desc->lease->id,
		.start		= bytes(desc->lease->start),
		.end		= bytes(desc->lease->end),
	};

	if (inbox->unsure)
		return;
	if (inbox->nr && !inbox->lost &&
	    inbox->event[inbox->nr - 1].type == DAXLEASE_EVENT_DRAINED)
		return;
	if (inbox->nr || inbox->lost)
		inbox->unsure = true;
	else if (poll(&pfd, 1, 0) > 0 && pfd.revents & POLLIN)
		inbox->event[inbox->nr++] = drained;
}

/* Returns whether this one has been told anything. */
static bool tell(struct model *model, struct model_desc *desc, int fd, bool waited, bool failed,
		 long ret)
{
	const struct model_lease *lease = desc->lease;
	const struct plan *plan = &model->plan;
	unsigned int before = pins_under(model_past(model), lease->id);
	unsigned int now = pins_under(model_truth(model), lease->id), told;
	struct daxlease_event event = {
		.size		= EVENT_SIZE,
		.lease_id	= lease->id,
		.start		= bytes(plan->start),
		.end		= bytes(plan->end),
		.reason		= plan->reason,
	};

	waited = waited && lease->mode == DAXLEASE_MODE_BREAKABLE && lease->file == plan->file &&
		 lease->start < plan->end && plan->start < lease->end;
	if (waited) {
		event.type = DAXLEASE_EVENT_BREAK;
		/* From its time on. */
		event.deadline_ns = lease->break_ms * NS_PER_MS;
		push(model, &desc->inbox, &event);
		event.deadline_ns = 0;
	}
	told = tell_revoked(model, &desc->inbox, lease->id);
	/* Which of them are lost is not known. */
	if (told > 1 && desc->inbox.lost)
		desc->inbox.unsure = true;
	if (before && !now) {
		struct daxlease_event drained = {
			.size		= EVENT_SIZE,
			.type		= DAXLEASE_EVENT_DRAINED,
			.lease_id	= lease->id,
			.start		= bytes(lease->start),
			.end		= bytes(lease->end),
		};

		push(model, &desc->inbox, &drained);
		told++;
	}
	if (waited) {
		event.type = DAXLEASE_EVENT_RESUMED;
		event.outcome = ret == -ETXTBSY || ret == -EINTR ? -ret : 0;
		push(model, &desc->inbox, &event);
		told++;
	}
	if (failed && !now)
		tell_failed(desc, fd);
	return told;
}

/* Whether a signal has come, which is not any more then. */
static bool got_sigio(void)
{
	const struct timespec now = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	return sigtimedwait(&set, NULL, &now) == SIGIO;
}

const char *model_tell(struct model *model, const struct call *call, long ret)
{
	const struct daxlease_stats *a = &model_past(model)->stats;
	const struct daxlease_stats *b = &model_truth(model)->stats;
	bool waited = b->waits != a->waits, signal = false, maybe;
	/* Some of it was pinned. */
	bool failed = call->op == OP_PIN && ret < 0 && b->pinned != a->pinned;

	model->lost = 0;
	if (waited && !model->plan.revokes)
		return "a layout change has waited, and need not have";
	if (b->waits - a->waits > 1)
		return "a layout change has waited more than once";
	for (int i = 0; i < LEASES; i++) {
		struct model_desc *desc = &model->desc[i];
		int slot = 0;

		if (!desc->refs || !desc->lease)
			continue;
		while (model->slot[slot] != desc)
			slot++;
		if (tell(model, desc, LEASE_FD + slot, waited, failed, ret))
			signal |= desc->async;
	}
	maybe = failed;
	for (int i = 0; i < LEASES; i++)
		maybe |= model->desc[i].refs && model->desc[i].inbox.unsure;
	if (got_sigio() != signal && !failed)
		return signal ? "no signal tells of an event" : "a signal tells of no event";
	if (b->revoked - a->revoked != model->revoked_records)
		return "STATS has another number of pins that were revoked";
	if (!maybe && b->events_lost - a->events_lost != model->lost)
		return "STATS has another number of events that are lost";
	return NULL;
}

errset expect_read(const struct model_desc *desc, const struct worker *worker,
		   const struct call *call)
{
	const struct inbox *inbox = &desc->inbox;
	errset set = call->arg[A_RBUF] == BUF_KERNEL ? E(EFAULT) : 0;
	uint64_t len = call->arg[A_RLEN];

	if (desc->write_only)
		return E(EBADF);
	if (len < EVENT_SIZE)
		return set | E(EINVAL);
	if (!desc->lease)
		return set | E(ENOENT);
	if (inbox->unsure)
		set |= OK | E(EFAULT) | (desc->nonblock ? E(EAGAIN) : E(EINTR));
	if (!inbox->nr && !inbox->lost)
		return set | (desc->nonblock ? E(EAGAIN) : E(EINTR));
	return set | (worker->buf.writable < EVENT_SIZE ? E(EFAULT) : OK);
}

/* NULL where it is this event, or what is not. */
static const char *event_wrong(struct inbox *inbox, const struct daxlease_event *want,
			       const struct daxlease_event *got)
{
	struct daxlease_event known = *got;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (got->time_ns < inbox->time_ns ||
	    got->time_ns > now.tv_sec * 1000 * NS_PER_MS + now.tv_nsec)
		return "an event has a time that it cannot have";
	inbox->time_ns = got->time_ns;
	if (got->type == DAXLEASE_EVENT_BREAK) {
		known.deadline_ns -= known.time_ns;
		if (got->break_id <= inbox->break_id)
			return "the number of a layout change is used twice";
		inbox->break_id = got->break_id;
	} else if (got->type == DAXLEASE_EVENT_RESUMED && got->break_id != inbox->break_id) {
		return "the end of another layout change is told than its begin";
	}
	known.time_ns = 0;
	known.break_id = 0;
	if (memcmp(&known, want, sizeof(known)))
		return "an event is not the one that it must be";
	return NULL;
}

/* Which of the next ones it is: pins are revoked in any order. */
static unsigned int find(const struct inbox *inbox, const struct daxlease_event *got)
{
	for (unsigned int i = 0; i < inbox->nr &&
	     inbox->event[i].type == DAXLEASE_EVENT_REVOKED; i++) {
		if (inbox->event[i].pin_id == got->pin_id)
			return i;
	}
	return 0;
}

static const char *take(struct model *model, struct model_desc *desc,
			const struct daxlease_event *got)
{
	struct inbox *inbox = &desc->inbox;
	struct daxlease_event want = {
		.size		= EVENT_SIZE,
		.type		= DAXLEASE_EVENT_OVERFLOW,
		.lease_id	= desc->lease->id,
		.lost		= inbox->lost,
	};
	unsigned int at;

	if (inbox->nr) {
		at = got->type == DAXLEASE_EVENT_REVOKED ? find(inbox, got) : 0;
		want = inbox->event[at];
		inbox->nr--;
		memmove(&inbox->event[at], &inbox->event[at + 1],
			(inbox->nr - at) * sizeof(want));
	} else if (inbox->lost) {
		inbox->lost = 0;
	} else {
		return "there is an event more than there must be";
	}
	model->events[want.type]++;
	return event_wrong(inbox, &want, got);
}

const char *check_read(struct model *model, const struct worker *worker,
		       const struct call *call, long ret)
{
	struct model_desc *desc = model->slot[call->arg[A_SLOT]];
	size_t room = call->arg[A_RLEN] < worker->buf.writable ? call->arg[A_RLEN] :
		      worker->buf.writable;
	unsigned int queued = desc->inbox.nr + (desc->inbox.lost > 0), fit = room / EVENT_SIZE;
	const char *wrong = NULL;

	/* Of one that could not be written, a part may have been. */
	if (!place_intact(&worker->buf, ret + (room < call->arg[A_RLEN] ? EVENT_SIZE : 0)))
		return "read() writes more than it says";
	if (ret % EVENT_SIZE || !ret || ret / EVENT_SIZE > fit)
		return "read() returns another number of events than fit in";
	if (desc->inbox.unsure) {
		/* All of what there was, if there is room for one more. */
		if (ret / EVENT_SIZE < fit)
			inbox_clear(&desc->inbox);
		return NULL;
	}
	if (ret / EVENT_SIZE != (queued < fit ? queued : fit))
		return "read() returns another number of events than there are";
	for (long at = 0; at < ret && !wrong; at += EVENT_SIZE) {
		struct daxlease_event event;

		memcpy(&event, worker->buf.bytes + at, EVENT_SIZE);
		wrong = take(model, desc, &event);
	}
	return wrong;
}

/* It waits where there is a lease and no event. */
errset expect_poll(const struct model_desc *desc, const struct call *call)
{
	if (!call->arg[A_NR] || !desc->lease)
		return OK;
	if (desc->inbox.unsure)
		return OK | E(EINTR);
	return desc->inbox.nr || desc->inbox.lost ? OK : E(EINTR);
}

const char *check_poll(struct model_desc *desc, long revents)
{
	bool events = desc->inbox.nr || desc->inbox.lost;

	if (!desc->lease)
		return revents == POLLHUP ? NULL : "poll() does not tell that there is no lease";
	if (revents & ~POLLIN || (!desc->inbox.unsure && !revents != !events))
		return "poll() does not tell whether there are events";
	return NULL;
}

bool events_cover(const struct model *model)
{
	bool all = true;

	/* That there are too many takes more calls of one kind than random ones are. */
	for (int type = DAXLEASE_EVENT_BREAK; type < DAXLEASE_EVENT_OVERFLOW; type++) {
		if (model->events[type])
			continue;
		printf("# no event of type %d was read\n", type);
		all = false;
	}
	return all;
}
