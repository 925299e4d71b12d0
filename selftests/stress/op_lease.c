// SPDX-License-Identifier: GPL-2.0
/* Operations on lease fds. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "lease.h"
#include "worker.h"

#define MINE_MAX	3
/* A RELEASE that waits is interrupted. */
#define IMPATIENCE_US	10000
/* Some are too short to be noticed, none holds others up for long. */
#define BREAK_MS_MIN	30
#define BREAK_MS_MAX	400

void name_task(char letter, int index, unsigned int nonce)
{
	char name[16];

	snprintf(name, sizeof(name), "%c%d.%u", letter, index, nonce);
	prctl(PR_SET_NAME, name);
}

int lease_make(void)
{
	struct s_lease *lease;
	int fd, i = -1;

	fd = lease_open();
	if (fd < 0) {
		fault(FAULT_RULE, "open " LEASE_DEV ": %s", strerror(-fd));
		return -1;
	}
	fcntl(fd, F_SETFD, 0);
	model_lock();
	lease = lease_new();
	if (lease) {
		i = lease_index(lease);
		lease->owners = MY_BIT;
		me->lease_fd[i] = fd;
	}
	model_unlock();
	if (!lease)
		close(fd);
	return i;
}

static int lease_for_acquire(struct rng *rng)
{
	int i, mine = 0, empty = -1;
	bool reuse = rng_below(rng, 2);

	for (i = 0; i < LEASES_MAX; i++) {
		if (me->lease_fd[i] < 0)
			continue;
		mine++;
		if (shm->lease[i].state == LEASE_NONE)
			empty = i;
	}
	if (empty >= 0 && (reuse || mine >= MINE_MAX))
		return empty;
	return mine < MINE_MAX ? lease_make() : -1;
}

static int try_acquire(int i, int file, uint64_t first, uint64_t end, unsigned int break_ms,
		       uint64_t *id)
{
	struct daxlease_acquire arg = {
		.size		= sizeof(arg),
		.fd		= me->file_fd[file],
		.mode		= break_ms ? DAXLEASE_MODE_BREAKABLE : DAXLEASE_MODE_EXCLUSIVE,
		.offset		= first * PAGE_SZ,
		.length		= end == TO_INFINITY ? 0 : (end - first) * PAGE_SZ,
		.break_time_ms	= break_ms,
	};

	if (ioctl(me->lease_fd[i], DAXLEASE_ACQUIRE, &arg))
		return -errno;
	*id = arg.id;
	return 0;
}

int acquire(int i, int file, uint64_t first, uint64_t end, unsigned int break_ms)
{
	struct s_lease *lease = &shm->lease[i];
	uint64_t changes, id = 0;
	bool changing;
	int ret;

	note(file, first, end);
	model_lock();
	if (lease->state != LEASE_NONE || lease->releasing) {
		model_unlock();
		return SKIPPED;
	}
	lease->state = LEASE_ACQUIRING;
	lease->file = file;
	lease->first = first;
	lease->end = end;
	lease->id = 0;
	lease->break_ms = break_ms;
	lease->breaks_open = 0;
	lease->breaks_sum = 0;
	lease->events_lost = false;
	lease->nonce = atomic_fetch_add(&shm->nonce, 1);
	lease->acquirer = self;
	lease->attached = MY_BIT;
	lease->holders_min = 1;
	lease->holders_max = 1;
	lease_event(lease);
	me->doing_acquire = i;
	changing = shm->file[file].changing;
	changes = shm->file[file].changes;
	model_unlock();

	name_task('L', i, lease->nonce);
	ret = try_acquire(i, file, first, end, break_ms, &id);
	model_lock();
	me->doing_acquire = -1;
	lease_event(lease);
	if (!ret) {
		lease->state = LEASE_HELD;
		lease->id = id;
		lease->since = ++shm->now;
	} else {
		lease->state = LEASE_NONE;
		lease->attached = 0;
		lease->file = -1;
		if (ret == -EAGAIN && !changing && changes == shm->file[file].changes)
			fault(FAULT_RULE, "acquire: EAGAIN, and nobody changes file %d", file);
	}
	model_unlock();
	EXPECTED("acquire", ret, -EAGAIN);
	return ret;
}

int op_acquire(struct rng *rng)
{
	bool whole = rng_below(rng, 5) < 2, open_end = !rng_below(rng, 6);
	unsigned int first = rng_below(rng, FILE_PAGES), nr = 1 + rng_below(rng, 12);
	unsigned int break_ms = BREAK_MS_MIN + rng_below(rng, BREAK_MS_MAX - BREAK_MS_MIN);
	bool exclusive = rng_below(rng, 2);
	int file = file_any(rng), i = lease_for_acquire(rng);

	if (file < 0 || i < 0)
		return SKIPPED;
	if (whole)
		first = 0;
	return acquire(i, file, first, whole || open_end ? TO_INFINITY : first + nr,
		       exclusive ? 0 : break_ms);
}

int attach(int i)
{
	struct daxlease_attach arg = { .size = sizeof(arg) };
	struct s_lease *lease = &shm->lease[i];
	uint64_t id;
	bool known;
	int ret;

	model_lock();
	if (lease->state != LEASE_HELD) {
		model_unlock();
		return SKIPPED;
	}
	id = lease->id;
	known = lease_mine(lease);
	lease->holders_max += !known;
	model_unlock();

	ret = ioctl(me->lease_fd[i], DAXLEASE_ATTACH, &arg) ? -errno : 0;
	model_lock();
	if (!ret && arg.id != id) {
		/* Released, and acquired anew, in between. */
		known = lease_mine(lease);
		lease->holders_max += !known;
	}
	if (!ret && (lease->state == LEASE_ACQUIRING || lease->id == arg.id)) {
		lease->holders_min += !known;
		if (child)
			child_lease = i;
		else
			lease->attached |= MY_BIT;
	}
	if (ret == -ENOENT && lease->id == id && lease_certain(lease))
		fault(FAULT_RULE, "attach: ENOENT, and lease %llu is there",
		      (unsigned long long)id);
	model_unlock();
	EXPECTED("attach", ret, -ENOENT);
	return ret;
}

int op_attach(struct rng *rng)
{
	int i = lease_any(rng);

	note(i, 0, 0);
	return i < 0 ? SKIPPED : attach(i);
}

static void on_alarm(int sig)
{
	(void)sig;
}

void impatient(unsigned int us)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval timer = {
		.it_interval.tv_usec	= us,
		.it_value.tv_usec	= us,
	};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

int op_release(struct rng *rng)
{
	int i = lease_any(rng), file, ret;
	bool wait = rng_below(rng, 2), idle;
	struct s_lease *lease;
	uint64_t id, events;

	if (i < 0)
		return SKIPPED;
	lease = &shm->lease[i];
	note(i, wait, 0);
	model_lock();
	if (lease->state != LEASE_HELD) {
		model_unlock();
		return SKIPPED;
	}
	file = lease->file;
	id = lease->id;
	lease->releasing++;
	me->doing_release = i;
	shm->file[file].releases++;
	lease_event(lease);
	idle = !file_has_pins(file);
	events = shm->file[file].events;
	model_unlock();

	/* A flag that all copies share: somebody else may change it meanwhile. */
	lease_set_nonblock(me->lease_fd[i], !wait);
	impatient(IMPATIENCE_US);
	ret = lease_release(me->lease_fd[i]);
	impatient(0);

	model_lock();
	me->doing_release = -1;
	lease->releasing--;
	shm->file[file].releases++;
	if ((ret == -EBUSY || ret == -EINTR) && idle && events == shm->file[file].events)
		fault(FAULT_RULE, "release of lease %llu: %s, and file %d has no pins",
		      (unsigned long long)id, strerror(-ret), file);
	if (!ret && lease->id == id) {
		lease_event(lease);
		lease->state = LEASE_NONE;
		lease->id = 0;
		lease->attached = 0;
		lease->file = -1;
		file_settle(&shm->file[file]);
	} else {
		lease_event(lease);
		lease->since = ++shm->now;
	}
	model_unlock();
	EXPECTED("release", ret, -EBUSY, -EINTR, -ENOENT);
	return ret;
}

void lease_close(int i)
{
	struct s_lease *lease = &shm->lease[i];
	int fd = me->lease_fd[i];

	if (fd < 0)
		return;
	model_lock();
	lease->owners &= ~MY_BIT;
	lease->closing++;
	me->closing_lease = i;
	me->lease_fd[i] = -1;
	lease_event(lease);
	model_unlock();
	close(fd);
	model_lock();
	lease->closing--;
	me->closing_lease = -1;
	lease_settle(lease);
	model_unlock();
}

int op_close_lease(struct rng *rng)
{
	int i = lease_any(rng);

	note(i, 0, 0);
	if (i < 0)
		return SKIPPED;
	lease_close(i);
	return 0;
}

int op_pass_lease(struct rng *rng)
{
	int i = lease_any(rng), to = rng_below(rng, shm->workers);

	note(i, to, 0);
	if (i < 0)
		return SKIPPED;
	return inbox_send(to, false, i);
}
