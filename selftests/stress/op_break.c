// SPDX-License-Identifier: GPL-2.0
/*
 * A holder and somebody who wants the layout changed, with a file, a lease and a
 * device for these two.  The child changes the layout again and again, and fills
 * victims with the blocks that it has freed.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "worker.h"

#define PAGES		4
#define PIN_PAGES	2
#define ROUNDS		4
/* At most; the child leaves pages alone for so long. */
#define PAUSE_US	3000

/* To pin, while others change the layout. */
#define TRIES		20

/* Nobody is to come to this deadline, */
#define LONG_MS		60000
/* and everybody to this. */
#define SHORT_MS_MIN	50
#define SHORT_MS_MAX	150

/* How often it is looked for an event, and after how long each time. */
#define LOOKS		50
#define LOOK_MS		5
/* A round in which nobody comes is over soon, one in which somebody waits is not. */
#define LOOKS_LONG	2000

/* How often a device writes to what may be another file's by now. */
#define LATE_WRITES	200

struct scene {
	int file;
	int lease;
	int dev;
	bool rdma;
	/* Who changes the layout waits as long as it takes. */
	bool patient;
	pid_t child;
};

/* A pin, and the break that it is in the way of. */
struct hold {
	int index;
	struct s_pin pin;
	uint64_t since;
	struct daxlease_event asked;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void child_main(struct rng *rng, const struct scene *s)
{
	begin_child();
	while (me->duelling) {
		punch_hasty(!s->patient && !rng_below(rng, 3) ? rng : NULL, s->file,
			    rng_below(rng, PAGES - 1), PIN_PAGES);
		op_victim(rng);
		usleep(rng_below(rng, PAUSE_US));
		op_victim_check(rng);
	}
	_exit(0);
}

static void child_start(struct rng *rng, struct scene *s)
{
	/* Another one does other things. */
	rng_next(rng);
	me->duelling = true;
	s->child = fork();
	if (!s->child)
		child_main(rng, s);
}

/* Nothing is pinned: it does not wait for long. */
static void child_stop(struct scene *s)
{
	me->duelling = false;
	if (s->child > 0)
		wait_child(s->child);
}

static bool scene_open(struct rng *rng, struct scene *s, unsigned int break_ms)
{
	s->child = -1;
	s->file = file_create_any(rng_below(rng, FILES_MAX), PAGES, FILES_MAX);
	s->lease = lease_make();
	if (s->rdma)
		s->dev = rdma_make(rng);
	else
		s->dev = dev_open();
	if (s->file < 0 || s->lease < 0 || s->dev < 0)
		return false;
	file_unlink(s->file);
	return !acquire(s->lease, s->file, 0, TO_INFINITY, break_ms);
}

static void scene_close(struct scene *s)
{
	child_stop(s);
	if (s->lease >= 0)
		lease_close(s->lease);
	if (s->dev >= 0 && !s->rdma)
		dev_close(s->dev);
	if (s->file >= 0)
		file_close(s->file);
}

static int hold_write(const struct scene *s, const struct hold *h)
{
	return s->rdma ? region_write(&h->pin, h->index) : device_write(&h->pin, h->index);
}

static int hold_try(const struct scene *s, struct hold *h, unsigned int first,
		    unsigned int flags)
{
	int ret;

	memset(&h->asked, 0, sizeof(h->asked));
	if (s->rdma)
		ret = region_at(s->file, s->dev, first, PIN_PAGES, &h->index);
	else
		ret = pin_at(s->file, s->dev, first, PIN_PAGES, flags, &h->index);
	if (!ret)
		h->pin = shm->pin[h->index];
	h->since = now_ns();
	return ret;
}

/* Between two changes. */
static int hold_begin(const struct scene *s, struct hold *h, unsigned int first,
		      unsigned int flags)
{
	int ret, i = 0;

	do {
		ret = hold_try(s, h, first, flags);
	} while (ret == -EAGAIN && ++i < TRIES && !usleep(PAUSE_US / 2));
	return ret;
}

static void hold_end(const struct scene *s, const struct hold *h)
{
	if (s->rdma)
		region_end(h->index);
	else
		unpin(&h->pin, h->index);
}

static bool meets(const struct hold *h, const struct daxlease_event *event)
{
	return event->start < (h->pin.first + h->pin.nr) * PAGE_SZ &&
	       h->pin.first * PAGE_SZ < event->end;
}

/* The next event, if one comes in time. */
static bool next_event(const struct scene *s, struct daxlease_event *event, int looks)
{
	struct pollfd pfd = { .fd = me->lease_fd[s->lease], .events = POLLIN };

	while (looks--) {
		if (!event_take(s->lease, event))
			return true;
		poll(&pfd, 1, LOOK_MS);
	}
	return false;
}

/* Somebody asks for this pin, and not for an earlier one of the same pages. */
static bool wait_asked(const struct scene *s, struct hold *h)
{
	while (next_event(s, &h->asked, LOOKS)) {
		if (h->asked.type == DAXLEASE_EVENT_BREAK && meets(h, &h->asked) &&
		    h->asked.time_ns >= h->since)
			return true;
	}
	h->asked.break_id = 0;
	return false;
}

/* The change is over; whether that was told. */
static bool wait_resumed(const struct scene *s, const struct hold *h,
			 struct daxlease_event *event, int looks)
{
	while (next_event(s, event, looks)) {
		if (event->type == DAXLEASE_EVENT_RESUMED &&
		    event->break_id == h->asked.break_id)
			return true;
		/* It may have been among these. */
		if (event->type == DAXLEASE_EVENT_OVERFLOW)
			break;
	}
	return false;
}

static void outcome_fault(const struct hold *h, const struct daxlease_event *resumed,
			  const char *what)
{
	fault(FAULT_RULE, "break %llu of file %d pages %llu on ended with %u: %s",
	      (unsigned long long)h->asked.break_id, h->pin.file,
	      (unsigned long long)h->asked.start / PAGE_SZ, resumed->outcome, what);
}

/*
 * No pins in the range, as long as nobody was told that it is over.  True where
 * that was told meanwhile.
 */
static bool pin_while_asked(const struct scene *s, const struct hold *h)
{
	struct daxlease_event event;
	struct hold other;
	bool over;
	int ret;

	ret = hold_try(s, &other, h->pin.first, TESTDEV_PIN_WRITE);
	over = wait_resumed(s, h, &event, 1);
	if (!ret && !over && !shm->lease[s->lease].events_lost)
		fault(FAULT_RULE, "a pin of file %d page %u was admitted while its holder was asked to let go",
		      s->file, h->pin.first);
	if (!ret)
		hold_end(s, &other);
	if (ret == -EAGAIN && !over)
		did(DID_REFUSED_BREAKING);
	return over;
}

/* Who waits is killed: all is as before. */
static void kill_breaker(struct rng *rng, struct scene *s, const struct hold *h)
{
	struct daxlease_event event;

	kill_child(s->child);
	did(DID_KILL_WAITING);
	/* Others may have opened the file before it had no name, and be those who wait. */
	if (wait_resumed(s, h, &event, LOOKS) && event.time_ns < h->asked.deadline_ns &&
	    event.outcome != EINTR)
		outcome_fault(h, &event, "the one who waited was killed");
	hold_write(s, h);
	child_start(rng, s);
}

static void give_way(struct rng *rng, struct scene *s)
{
	bool kill = !rng_below(rng, 3);
	struct daxlease_event event;
	struct hold h;
	uint64_t gone;
	bool over;

	if (hold_begin(s, &h, rng_below(rng, PAGES - 1), TESTDEV_PIN_WRITE))
		return;
	hold_write(s, &h);
	if (!wait_asked(s, &h)) {
		hold_end(s, &h);
		return;
	}
	over = pin_while_asked(s, &h);
	/* Until the deadline it goes on as ever. */
	hold_write(s, &h);
	if (kill)
		kill_breaker(rng, s, &h);
	hold_end(s, &h);
	gone = now_ns();
	did(DID_GIVE_WAY);
	if (kill || over || !wait_resumed(s, &h, &event, LOOKS_LONG))
		return;
	if (gone < h.asked.deadline_ns && event.outcome == ETXTBSY)
		outcome_fault(&h, &event, "all pins had gone in time");
	if (!hold_begin(s, &h, rng_below(rng, PAGES - 1), TESTDEV_PIN_WRITE)) {
		did(DID_PIN_AGAIN);
		hold_write(s, &h);
		hold_end(s, &h);
	}
}

int op_give_way(struct rng *rng)
{
	struct scene s = { .patient = true };
	bool there;

	there = scene_open(rng, &s, LONG_MS);
	if (there) {
		child_start(rng, &s);
		for (int i = 0; i < ROUNDS && s.child > 0; i++)
			give_way(rng, &s);
	}
	scene_close(&s);
	return there ? 0 : SKIPPED;
}

/*
 * What was pinned when the change went on is not any more.  If it is, it goes on
 * being written to: whose page is it?
 */
static void check_outlived(const struct scene *s, const struct hold *h,
			   const struct daxlease_event *resumed)
{
	int ret = hold_write(s, h);

	if (resumed->outcome == ETXTBSY && !h->pin.revocable && !ret)
		did(DID_OUTLAST);
	if (resumed->outcome || ret)
		return;
	outcome_fault(h, resumed, "a device still writes to what was changed");
	for (int i = 0; i < LATE_WRITES && !hold_write(s, h); i++)
		usleep(PAUSE_US);
}

enum desertion {
	PASS_ON,
	CLOSE,
	EXEC,
	/* Rather. */
	STAY,
	DESERTIONS = STAY + 4,
};

/* The holder leaves while it is asked; whether it has. */
static bool desert(struct rng *rng, struct scene *s)
{
	enum desertion how = rng_below(rng, DESERTIONS);

	if (how >= STAY)
		return false;
	did(DID_DESERT);
	switch (how) {
	case PASS_ON:
		inbox_send(rng_below(rng, shm->workers), false, s->lease);
		break;
	case EXEC:
		/* The child ends by itself, see exec_finish(). */
		me->duelling = false;
		op_exec(rng);
		break;
	default:
		break;
	}
	lease_close(s->lease);
	s->lease = -1;
	return true;
}

/* An RDMA device that is refused once needs new queues. */
static void write_on(const struct scene *s, const struct hold *h)
{
	if (!s->rdma || !shm->pin[h->index].revoked)
		hold_write(s, h);
}

/* True where it goes on. */
static bool hold_out(struct rng *rng, struct scene *s, unsigned int flags, bool to_the_end)
{
	struct daxlease_event event;
	bool gone = false;
	struct hold h;
	int i;

	if (hold_begin(s, &h, rng_below(rng, PAGES - 1), flags))
		return true;
	hold_write(s, &h);
	if (wait_asked(s, &h)) {
		gone = !to_the_end && desert(rng, s);
		for (i = 0; gone && i < LOOKS; i++) {
			write_on(s, &h);
			usleep(PAUSE_US);
		}
		for (i = 0; !gone && i < LOOKS_LONG && !wait_resumed(s, &h, &event, 1); i++)
			write_on(s, &h);
		if (!gone && i < LOOKS_LONG)
			check_outlived(s, &h, &event);
	}
	hold_end(s, &h);
	return !gone;
}

/* In turn what can be taken back and what cannot; at first nobody leaves. */
int op_hold_out(struct rng *rng)
{
	unsigned int ms = SHORT_MS_MIN + rng_below(rng, SHORT_MS_MAX - SHORT_MS_MIN);
	struct scene s = { .rdma = worker_has_rdma() && rng_below(rng, 2) };
	unsigned int turn = rng_below(rng, 2), i;
	bool there, on;

	there = scene_open(rng, &s, ms);
	on = there;
	if (there)
		child_start(rng, &s);
	for (i = 0; i < ROUNDS && s.child > 0 && on; i++)
		on = hold_out(rng, &s, TESTDEV_PIN_WRITE |
			      ((i + turn) % 2 ? TESTDEV_PIN_REVOCABLE : 0), i < 2);
	scene_close(&s);
	return there ? 0 : SKIPPED;
}
