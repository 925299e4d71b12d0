// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec.h"
#include "exec_fd.h"

#define ALARM_NS	(2 * 1000 * 1000)

static void wake(int sig)
{
	(void)sig;
}

/* One thread of root's process: what libc offers is for all of them. */
static int become_user(void)
{
	if (syscall(SYS_setgroups, 0, NULL) ||
	    syscall(SYS_setresgid, WORLD_USER, WORLD_USER, WORLD_USER) ||
	    syscall(SYS_setresuid, WORLD_USER, WORLD_USER, WORLD_USER))
		return -errno;
	return 0;
}

int worker_enter(struct worker *worker)
{
	struct sigaction action = { .sa_handler = wake };
	struct sigevent event = {
		.sigev_notify	= SIGEV_THREAD_ID,
		.sigev_signo	= SIGUSR1,
	};

	if (worker->world->root && !worker->root && become_user())
		return -EPERM;
	event._sigev_un._tid = gettid();
	if (sigaction(SIGUSR1, &action, NULL) ||
	    timer_create(CLOCK_MONOTONIC, &event, &worker->alarm))
		return -errno;
	return 0;
}

/* Again and again, as the first one may come before the call waits. */
static void set_alarm(struct worker *worker, bool on)
{
	struct timespec every = { 0, on ? ALARM_NS : 0 };
	struct itimerspec spec = { every, every };

	timer_settime(worker->alarm, 0, &spec, NULL);
}

void worker_leave(struct worker *worker)
{
	timer_delete(worker->alarm);
}

static int make_arena(struct arena *arena, struct world *world, unsigned int nr)
{
	int ret = arena_init(arena);

	arena->dax = world->dax_buf + nr * PLACE_MAX;
	arena->dax_fd = FILE_FD + FD_FILE1;
	arena->dax_offset = DAX_BUF_PAGE * PAGE_SZ + nr * PLACE_MAX;
	return ret;
}

int worker_init(struct worker *worker, struct world *world, unsigned int nr)
{
	int ret;

	memset(worker, 0, sizeof(*worker));
	worker->world = world;
	worker->root = world->root && !(world->mixed && nr % 2);
	ret = make_arena(&worker->args, world, 2 * nr);
	return ret ? ret : make_arena(&worker->data, world, 2 * nr + 1);
}

static long call_ioctl(struct worker *worker, const struct call *call, int fd, unsigned long cmd,
		       uint64_t arg)
{
	long ret;

	errno = 0;
	if (call->arg[A_ABI] && worker->world->compat)
		ret = compat_ioctl(fd, cmd, arg);
	else
		ret = ioctl(fd, cmd, arg);
	return ret < 0 ? -errno : ret;
}

bool call_has_tail(const struct call *call, size_t known)
{
	uint64_t size = call->arg[A_SIZE];

	return call->arg[A_TAIL] && size > known && size <= PAGE_SZ;
}

/*
 * With a structure that the kernel knows so many bytes of.  The buffer is as
 * long as the call says that the structure is, if that can be.
 */
static long call_with(struct worker *worker, const struct call *call, int fd, unsigned long cmd,
		      const void *value, size_t known, uint64_t size)
{
	size_t len = size >= sizeof(__u32) && size <= PAGE_SZ ? size : known, room;
	struct place *place = &worker->arg;
	long ret;

	memset(worker->before, 0, len);
	memcpy(worker->before, value, len < known ? len : known);
	if (call_has_tail(call, known))
		worker->before[known + call->arg[A_TAIL] % (size - known)] = 1;

	arena_place(&worker->args, call->arg[A_BUF], call->arg[A_CUT], len, place);
	room = place->window + place->window_len - place->bytes;
	if (room > len)
		room = len;
	memcpy(place->bytes, worker->before, room);
	place_put(&worker->args, place, room);
	worker->arg_len = room;
	ret = call_ioctl(worker, call, fd, cmd, place->addr);
	place_get(&worker->args, place, room);
	return ret;
}

#define CALL_WITH(worker, call, fd, cmd, value) \
	call_with(worker, call, fd, cmd, &(value), sizeof(value), call->arg[A_SIZE])

static long run_acquire(struct worker *worker, const struct call *call, int fd)
{
	struct daxlease_acquire arg = {
		.size		= call->arg[A_SIZE],
		.flags		= call->arg[A_FLAGS],
		.fd		= world_fd(call->arg[A_FILE], call->arg[A_SLOT]),
		.mode		= call->arg[A_MODE],
		.offset		= call->arg[A_OFFSET],
		.length		= call->arg[A_LENGTH],
		.break_time_ms	= call->arg[A_BREAK],
		.reserved	= call->arg[A_RESERVED],
	};

	return CALL_WITH(worker, call, fd, DAXLEASE_ACQUIRE, arg);
}

static uint64_t cursor_of(enum cursor cursor, uint64_t first, uint64_t last)
{
	switch (cursor) {
	case CUR_ONE:
		return 1;
	case CUR_FIRST:
		return first;
	case CUR_BEFORE:
		return first - 1;
	case CUR_LAST:
		return last;
	case CUR_MAX:
		return ~0ULL;
	default:
		return 0;
	}
}

static long run_query(struct worker *worker, const struct call *call, int fd)
{
	struct daxlease_query arg = {
		.size		= call->arg[A_SIZE],
		.flags		= call->arg[A_FLAGS],
		.buf_len	= call->arg[A_RLEN],
		.lease_cursor	= cursor_of(call->arg[A_LCUR], worker->first_lease,
					    worker->lease_cursor),
		.pin_cursor	= cursor_of(call->arg[A_PCUR], worker->first_pin,
					    worker->pin_cursor),
	};
	long ret;

	arena_place(&worker->data, call->arg[A_RBUF], call->arg[A_RCUT], call->arg[A_RLEN],
		    &worker->buf);
	arg.buf = worker->buf.addr;
	worker->query = arg;
	ret = CALL_WITH(worker, call, fd, DAXLEASE_QUERY, arg);
	place_get(&worker->data, &worker->buf, PLACE_MAX);
	if (!ret && worker->arg_len >= sizeof(arg)) {
		memcpy(&arg, worker->arg.bytes, sizeof(arg));
		worker->lease_cursor = arg.lease_cursor;
		worker->pin_cursor = arg.pin_cursor;
	}
	return ret;
}

/* With A_RLEN of 0 no records are wanted. */
static long run_scan(struct worker *worker, const struct call *call, int fd)
{
	struct daxlease_scan arg = {
		.size		= call->arg[A_SIZE],
		.flags		= call->arg[A_FLAGS],
		.fd		= world_fd(call->arg[A_FILE], call->arg[A_SLOT]),
		.offset		= call->arg[A_OFFSET],
		.length		= call->arg[A_LENGTH],
		.buf_len	= call->arg[A_RLEN],
		.lease_cursor	= cursor_of(call->arg[A_LCUR], worker->first_lease,
					    worker->lease_cursor),
		.pin_cursor	= cursor_of(call->arg[A_PCUR], worker->first_pin,
					    worker->pin_cursor),
	};
	long ret;

	arena_place(&worker->data, call->arg[A_RBUF], call->arg[A_RCUT], call->arg[A_RLEN],
		    &worker->buf);
	arg.buf = worker->buf.addr;
	worker->scan = arg;
	ret = CALL_WITH(worker, call, fd, DAXLEASE_SCAN, arg);
	place_get(&worker->data, &worker->buf, PLACE_MAX);
	if (!ret && worker->arg_len >= sizeof(arg)) {
		memcpy(&arg, worker->arg.bytes, sizeof(arg));
		worker->lease_cursor = arg.lease_cursor;
		worker->pin_cursor = arg.pin_cursor;
	}
	return ret;
}

static long run_openers(struct worker *worker, const struct call *call, int fd)
{
	struct daxlease_openers arg = {
		.size		= call->arg[A_SIZE],
		.flags		= call->arg[A_FLAGS],
		.pin		= call->arg[A_ID] ? call->arg[A_ID] :
				  cursor_of(call->arg[A_PCUR], worker->first_pin,
					    worker->pin_cursor),
		.buf_len	= call->arg[A_RLEN],
	};
	long ret;

	arena_place(&worker->data, call->arg[A_RBUF], call->arg[A_RCUT], call->arg[A_RLEN],
		    &worker->buf);
	arg.buf = worker->buf.addr;
	worker->openers = arg;
	ret = CALL_WITH(worker, call, fd, DAXLEASE_OPENERS, arg);
	place_get(&worker->data, &worker->buf, PLACE_MAX);
	return ret;
}

static long run_force(struct worker *worker, const struct call *call, int fd)
{
	struct daxlease_force arg = {
		.size		= call->arg[A_SIZE],
		.flags		= call->arg[A_FLAGS],
		.fd		= world_fd(call->arg[A_FILE], call->arg[A_SLOT]),
		.reserved	= call->arg[A_RESERVED],
		.offset		= call->arg[A_OFFSET],
		.length		= call->arg[A_LENGTH],
	};

	return CALL_WITH(worker, call, fd, DAXLEASE_FORCE, arg);
}

/* Without events and O_NONBLOCK it waits, until the alarm. */
static long run_read(struct worker *worker, const struct call *call, int fd)
{
	struct place *place = &worker->buf;
	size_t len = call->arg[A_RLEN];
	ssize_t ret;

	arena_place(&worker->data, call->arg[A_RBUF], call->arg[A_RCUT], len, place);
	set_alarm(worker, true);
	errno = 0;
	if (call->arg[A_ABI] && worker->world->compat)
		ret = compat_read(fd, place->addr, len);
	else
		ret = read(fd, (void *)place->addr, len);
	if (ret < 0)
		ret = -errno;
	set_alarm(worker, false);
	place_get(&worker->data, place, PLACE_MAX);
	return ret;
}

/* The events that there are, as a number; with A_NR waits for one, until the alarm. */
static long run_poll(struct worker *worker, const struct call *call, int fd)
{
	struct pollfd *pfd, poll_for = { .fd = fd, .events = POLLIN | POLLOUT | POLLPRI };
	int timeout = call->arg[A_NR] ? -1 : 0;
	struct place place;
	long ret;

	arena_place(&worker->args, BUF_HEAP, 0, sizeof(*pfd), &place);
	memcpy(place.bytes, &poll_for, sizeof(poll_for));
	if (timeout)
		set_alarm(worker, true);
	errno = 0;
	if (call->arg[A_ABI] && worker->world->compat)
		ret = compat_poll(place.addr, 1, timeout);
	else
		ret = poll((void *)place.addr, 1, timeout);
	if (ret < 0)
		ret = -errno;
	if (timeout)
		set_alarm(worker, false);
	if (ret < 0)
		return ret;
	memcpy(&poll_for, place.bytes, sizeof(poll_for));
	return poll_for.revents & POLLNVAL ? -EBADF : poll_for.revents;
}

static long run_pin(struct worker *worker, const struct call *call, int fd)
{
	struct testdev_pin arg = {
		.addr		= (uintptr_t)worker->world->area[call->arg[A_AREA]] +
				  call->arg[A_PAGE] * PAGE_SZ + call->arg[A_ODD],
		.nr_pages	= call->arg[A_NR],
		.flags		= call->arg[A_FLAGS],
		.reserved	= call->arg[A_RESERVED],
	};
	unsigned int dev = call->arg[A_SLOT];
	long ret;

	ret = call_with(worker, call, fd, TESTDEV_PIN, &arg, sizeof(arg), sizeof(arg));
	if (!ret) {
		memcpy(&arg, worker->arg.bytes, sizeof(arg));
		worker->recent[dev][worker->next_recent[dev]++ % RECENT] = arg.id;
	}
	return ret;
}

static long run_dma(struct worker *worker, const struct call *call, int fd)
{
	struct testdev_io arg = {
		.id		= call->arg[A_ID],
		.reserved	= call->arg[A_RESERVED],
		.offset		= call->arg[A_OFFSET],
		.length		= call->arg[A_LENGTH],
	};

	arena_place(&worker->data, call->arg[A_RBUF], call->arg[A_RCUT], call->arg[A_LENGTH],
		    &worker->buf);
	arg.buf = worker->buf.addr;
	return call_with(worker, call, fd, call->arg[A_MODE] ? TESTDEV_DMA_WRITE : TESTDEV_DMA_READ,
			 &arg, sizeof(arg), sizeof(arg));
}

static long run_release(struct worker *worker, const struct call *call, int fd)
{
	struct daxlease_release arg = {
		.size = call->arg[A_SIZE], .flags = call->arg[A_FLAGS],
	};
	long ret;

	set_alarm(worker, true);
	ret = CALL_WITH(worker, call, fd, DAXLEASE_RELEASE, arg);
	set_alarm(worker, false);
	return ret;
}

/* With A_NR signals come while it waits for pins. */
static long run_change(struct worker *worker, const struct call *call)
{
	long ret;

	if (call->arg[A_NR])
		set_alarm(worker, true);
	ret = world_change(call->arg[A_FILE], call->arg[A_WHAT], call->arg[A_OFFSET],
			   call->arg[A_LENGTH]);
	if (call->arg[A_NR])
		set_alarm(worker, false);
	return ret;
}

static pthread_mutex_t peer_lock = PTHREAD_MUTEX_INITIALIZER;

static long run_peer(struct worker *worker, const struct call *call, int fd)
{
	long ret;

	pthread_mutex_lock(&peer_lock);
	if (call->op == OP_GIVE)
		ret = world_give(worker->world, fd);
	else
		ret = world_foreign_change(worker->world, call->arg[A_FILE], call->arg[A_WHAT],
					   call->arg[A_OFFSET], call->arg[A_LENGTH],
					   call->arg[A_NR]);
	pthread_mutex_unlock(&peer_lock);
	return ret;
}

static long run_protect(struct worker *worker, const struct call *call)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE };

	if (!worker->args.racy)
		return 0;
	return mprotect(worker->args.racy, PAGE_SZ, prots[call->arg[A_WHAT] % 3]) ? -errno : 0;
}

static long run(struct worker *worker, const struct call *call)
{
	int fd = LEASE_FD + call->arg[A_SLOT], dev = DEV_FD + call->arg[A_SLOT];
	struct daxlease_attach attach = {
		.size = call->arg[A_SIZE], .flags = call->arg[A_FLAGS],
	};
	struct daxlease_stats stats = {
		.size = call->arg[A_SIZE], .flags = call->arg[A_FLAGS],
	};

	worker->arg_len = 0;
	switch (call->op) {
	case OP_ACQUIRE:
		return run_acquire(worker, call, fd);
	case OP_ATTACH:
		return CALL_WITH(worker, call, fd, DAXLEASE_ATTACH, attach);
	case OP_RELEASE:
		return run_release(worker, call, fd);
	case OP_QUERY:
		return run_query(worker, call, fd);
	case OP_SCAN:
		return run_scan(worker, call, fd);
	case OP_READ:
		return run_read(worker, call, fd);
	case OP_POLL:
		return run_poll(worker, call, fd);
	case OP_OPENERS:
		return run_openers(worker, call, fd);
	case OP_FORCE:
		return run_force(worker, call, fd);
	case OP_STATS:
		return CALL_WITH(worker, call, fd, DAXLEASE_STATS, stats);
	case OP_UNKNOWN:
		return call_with(worker, call, fd, call->arg[A_CMD], &stats, sizeof(stats),
				 sizeof(stats));
	case OP_PIN:
		return run_pin(worker, call, dev);
	case OP_UNPIN:
		return call_ioctl(worker, call, dev, TESTDEV_UNPIN, call->arg[A_ID]);
	case OP_DMA:
		return run_dma(worker, call, dev);
	case OP_CHANGE:
		return run_change(worker, call);
	case OP_FOREIGN:
	case OP_GIVE:
		return run_peer(worker, call, fd);
	case OP_PROTECT:
		return run_protect(worker, call);
	default:
		return run_fd_call(call, fd, dev);
	}
}

long worker_run(struct worker *worker, const struct call *call)
{
	long ret = run(worker, call);
	uint32_t *recent = worker->recent[call->arg[A_SLOT] % DEVS];

	if (call->op == OP_DEV_OPEN || call->op == OP_DEV_CLOSE)
		memset(recent, 0, RECENT * sizeof(*recent));
	for (int i = 0; i < RECENT && call->op == OP_UNPIN; i++) {
		if (recent[i] == call->arg[A_ID])
			recent[i] = 0;
	}
	if (ret > -NR_ERRNOS)
		worker->results[call->op][ret < 0 ? -ret : 0]++;
	return ret;
}
