// SPDX-License-Identifier: GPL-2.0
/*
 * Faults in what goes with events and with pins that can be taken back: breakable
 * ACQUIRE, read(), signals, epoll, pins, FORCE, OPENERS.
 */
#include "actor.h"
#include "dax_fixture.h"
#include "event.h"
#include "fault.h"
#include "leak.h"

#include <sys/epoll.h>

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	600

#define PINNED		2
#define REVOCABLE	(TESTDEV_PIN_WRITE | TESTDEV_PIN_REVOCABLE)

static struct {
	struct dax_test *self;
	int lease;
	int epoll;
	uint32_t pin;
	uint64_t record;
	struct daxlease_event event;
	struct peer victim;
} ctx;

static struct fault_op op;

static const int acquire_errnos[] = { EINTR, ENOMEM, EFAULT, 0 };
static const int read_errnos[] = { EFAULT, 0 };
static const int memory_errnos[] = { ENOMEM, 0 };
static const int argument_errnos[] = { ENOMEM, EFAULT, 0 };
/* And what pin_user_pages_fast() says. */
static const int pin_errnos[] = { ENOMEM, EFAULT, EINTR, EAGAIN, 0 };

static const struct inject_func lock_killed[] = {
	FAULT_FUNC("daxlease_inode_lock_killable", -EINTR),
	{ },
};

/* Of an event not one byte. */
static const struct inject_func no_copy[] = {
	FAULT_FUNC("_copy_to_iter", 0),
	{ },
};

static const struct fault_op *make(struct dax_test *self, const char *name,
				   long (*run)(void *arg), const int *errnos)
{
	memset(&ctx, 0, sizeof(ctx));
	ctx.self = self;
	ctx.lease = self->lease;
	op = (struct fault_op) { .name = name, .run = run, .errnos = errnos };
	return &op;
}

/* ACQUIRE of a breakable lease. */

static long setup_open(void *arg)
{
	(void)arg;
	ctx.lease = lease_open();
	return ctx.lease < 0 ? ctx.lease : 0;
}

static long run_acquire(void *arg)
{
	(void)arg;
	return lease_acquire_breakable(ctx.lease, ctx.self->fd, 0, 0, BREAK_NEVER_MS);
}

/* One that failed has left no queue behind, one that had success has an empty one. */
static long cleanup_acquire(void *arg, long ret)
{
	struct daxlease_event event;
	long err = 0;

	(void)arg;
	lease_set_nonblock(ctx.lease, true);
	if (read(ctx.lease, &event, sizeof(event)) >= 0 || errno != (ret ? ENOENT : EAGAIN))
		err = -EPROTO;
	if (!err && lease_release(ctx.lease) != (ret ? -ENOENT : 0))
		err = -EPROTO;
	close(ctx.lease);
	return err;
}

static const struct fault_op *make_acquire(struct dax_test *self)
{
	make(self, "acquire, breakable", run_acquire, acquire_errnos);
	op.setup = setup_open;
	op.cleanup = cleanup_acquire;
	return &op;
}

FAULT_TESTS(dax, acquire_breakable, make_acquire,
	    .memory = true, .copies = true, .func = lock_killed)
FAULT_TEST_NTH(dax, acquire_breakable, make_acquire)

/* read(): an event that could not be given is still there. */

/* With a lease of its own, as a process that is to be killed has none. */
static long setup_read(void *arg)
{
	uint32_t id;
	long ret;

	(void)arg;
	ctx.lease = lease_take(ctx.self->fd);
	if (ctx.lease < 0)
		return ctx.lease;
	ret = testdev_pin(ctx.self->dev, ctx.self->map, 1, 0, &id);
	return ret ? ret : testdev_unpin(ctx.self->dev, id);
}

static long run_read(void *arg)
{
	ssize_t ret;

	(void)arg;
	memset(&ctx.event, 0, sizeof(ctx.event));
	ret = read(ctx.lease, &ctx.event, sizeof(ctx.event));
	return ret < 0 ? -errno : ret == sizeof(ctx.event) ? 0 : -EPROTO;
}

static long cleanup_read(void *arg, long ret)
{
	(void)arg;
	if (ret && run_read(NULL))
		return -EPROTO;
	if (ctx.event.type != DAXLEASE_EVENT_DRAINED || ctx.event.size != sizeof(ctx.event) ||
	    event_pending(ctx.lease))
		return -EPROTO;
	return close(ctx.lease) ? -errno : 0;
}

static const struct fault_op *make_read(struct dax_test *self)
{
	make(self, "read", run_read, read_errnos);
	op.setup = setup_read;
	op.cleanup = cleanup_read;
	return &op;
}

FAULT_TESTS(dax, read_event, make_read, .memory = true, .func = no_copy)
FAULT_TEST_NTH(dax, read_event, make_read)

/* Telling, in the process that lets a pin go: it needs no memory. */

static long setup_pinned(void *arg)
{
	(void)arg;
	return testdev_pin(ctx.self->dev, page_of(ctx.self->map, PINNED), 1, REVOCABLE, &ctx.pin);
}

static long run_unpin(void *arg)
{
	(void)arg;
	return testdev_unpin(ctx.self->dev, ctx.pin);
}

static long cleanup_told(void *arg, long ret)
{
	struct daxlease_event event;

	(void)arg;
	return ret ? 0 : event_next(ctx.lease, &event);
}

static const struct fault_op *make_unpin(struct dax_test *self)
{
	make(self, "unpin", run_unpin, NULL);
	op.setup = setup_pinned;
	op.cleanup = cleanup_told;
	return &op;
}

TEST_F(dax, telling_needs_no_memory)
{
	static const struct inject_func telling[] = {
		FAULT_FUNC("kill_fasync", 0),
		{ },
	};
	static const struct fault_set memory = {
		.window = "layout_pin_release", .memory = true,
	};
	static const struct fault_set tells = {
		.window = "layout_pin_release", .func = telling,
	};

	acquire_whole();
	ASSERT_EQ(0, fcntl(self->lease, F_SETFL, O_ASYNC));
	make_unpin(self);
	EXPECT_EQ(0, fault_sweep(&op, &memory));
	EXPECT_FAULTS(fault_sweep(&op, &tells));
}

/* O_ASYNC. */

static long run_async(void *arg)
{
	(void)arg;
	return fcntl(ctx.lease, F_SETFL, O_ASYNC) ? -errno : 0;
}

/* Who got no signals has the fd as it was. */
static long cleanup_async(void *arg, long ret)
{
	bool async = fcntl(ctx.lease, F_GETFL) & O_ASYNC;

	(void)arg;
	if (async == (ret != 0))
		return -EPROTO;
	return fcntl(ctx.lease, F_SETFL, 0) ? -errno : 0;
}

static long reap_async(void *arg)
{
	(void)arg;
	return fcntl(ctx.lease, F_SETFL, 0) ? -errno : 0;
}

static const struct fault_op *make_async(struct dax_test *self)
{
	make(self, "async", run_async, memory_errnos);
	op.cleanup = cleanup_async;
	op.reap = reap_async;
	return &op;
}

FAULT_TESTS(dax, async, make_async, .memory = true)
FAULT_TEST_NTH(dax, async, make_async)

/* epoll, which is told as it asks. */

static long run_epoll(void *arg)
{
	struct epoll_event event = { .events = EPOLLIN };

	(void)arg;
	return epoll_ctl(ctx.epoll, EPOLL_CTL_ADD, ctx.lease, &event) ? -errno : 0;
}

static long cleanup_epoll(void *arg, long ret)
{
	struct epoll_event event;

	(void)arg;
	if (ret)
		return 0;
	/* There is no lease. */
	if (epoll_wait(ctx.epoll, &event, 1, 0) != 1 || event.events != EPOLLHUP)
		return -EPROTO;
	return epoll_ctl(ctx.epoll, EPOLL_CTL_DEL, ctx.lease, NULL) ? -errno : 0;
}

static long reap_epoll(void *arg)
{
	(void)arg;
	epoll_ctl(ctx.epoll, EPOLL_CTL_DEL, ctx.lease, NULL);
	return 0;
}

static const struct fault_op *make_epoll(struct dax_test *self)
{
	make(self, "epoll", run_epoll, argument_errnos);
	ctx.epoll = epoll_create1(EPOLL_CLOEXEC);
	op.cleanup = cleanup_epoll;
	op.reap = reap_epoll;
	return &op;
}

FAULT_TESTS(dax, epoll, make_epoll, .memory = true)

/* A pin that can be taken back. */

static long run_pin(void *arg)
{
	return setup_pinned(arg);
}

static long cleanup_pin(void *arg, long ret)
{
	(void)arg;
	return ret ? 0 : testdev_unpin(ctx.self->dev, ctx.pin);
}

static const struct fault_op *make_pin(struct dax_test *self)
{
	make(self, "pin, revocable", run_pin, pin_errnos);
	op.cleanup = cleanup_pin;
	if (lease_acquire(self->lease, self->fd, 0, 0, NULL))
		op.clean = -EPROTO;
	return &op;
}

/* The device of this process has more pages then, if it is killed in another. */
TEST_F(dax, pin_revocable)
{
	static const struct fault_set set = { .memory = true, .copies = true };

	EXPECT_FAULTS(fault_sweep(make_pin(self), &set));
}

FAULT_TEST_NTH(dax, pin_revocable, make_pin)

/* FORCE. */

static long force(int lease, uint32_t flags)
{
	struct daxlease_force args = {
		.size = sizeof(args), .fd = ctx.self->fd, .flags = flags, .length = FILE_SIZE,
	};

	if (ioctl(lease, DAXLEASE_FORCE, &args))
		return -errno;
	return args.revoked == !flags && args.killed == !!flags ? 0 : -EPROTO;
}

static long run_force(void *arg)
{
	(void)arg;
	return force(ctx.lease, 0);
}

/* Where it failed the pages may be gone or not; it works again in any case. */
static long cleanup_force(void *arg, long ret)
{
	long err = testdev_write(ctx.self->dev, ctx.pin, 0, "w", 1);

	(void)arg;
	if (err != -EKEYREVOKED && (err || !ret))
		return -EPROTO;
	return testdev_unpin(ctx.self->dev, ctx.pin);
}

static const struct fault_op *make_force(struct dax_test *self)
{
	make(self, "force", run_force, argument_errnos);
	op.setup = setup_pinned;
	op.cleanup = cleanup_force;
	if (lease_acquire(self->lease, self->fd, 0, 0, NULL))
		op.clean = -EPROTO;
	return &op;
}

TEST_F(dax, force)
{
	static const struct fault_set set = { .memory = true, .copies = true };

	EXPECT_FAULTS(fault_sweep(make_force(self), &set));
}

FAULT_TEST_NTH(dax, force, make_force)

static long setup_victim(void *arg)
{
	long ret = peer_start(&ctx.victim);

	(void)arg;
	if (!ret)
		ret = peer_open(&ctx.victim, ctx.self->path);
	if (!ret)
		ret = peer_acquire(&ctx.victim, 0, 0);
	if (!ret)
		ret = peer_pin(&ctx.victim, PINNED, 1, TESTDEV_PIN_WRITE);
	return ret > 0 ? 0 : ret;
}

static long run_kill(void *arg)
{
	(void)arg;
	return force(ctx.lease, DAXLEASE_FORCE_KILL);
}

/* Nobody is killed where there is no memory to know them by; and all go in the end. */
static long cleanup_kill(void *arg, long ret)
{
	bool alive = peer_call(&ctx.victim, actor_attach, NULL, 0) == 0;

	(void)arg;
	peer_stop(&ctx.victim);
	return alive == (ret != 0) || ret == -EFAULT ? 0 : -EPROTO;
}

static const struct fault_op *make_kill(struct dax_test *self)
{
	make(self, "force, killing", run_kill, argument_errnos);
	op.setup = setup_victim;
	op.cleanup = cleanup_kill;
	return &op;
}

FAULT_TESTS(dax, force_kill, make_kill, .memory = true, .copies = true)
FAULT_TEST_NTH(dax, force_kill, make_kill)

/* OPENERS. */

static long run_openers(void *arg)
{
	int32_t pid = 0;
	struct daxlease_openers args = {
		.size = sizeof(args), .pin = ctx.record, .buf = (uintptr_t)&pid,
		.buf_len = sizeof(pid),
	};

	(void)arg;
	if (ioctl(ctx.lease, DAXLEASE_OPENERS, &args))
		return -errno;
	return args.count && pid > 0 ? 0 : -EPROTO;
}

static const struct fault_op *make_openers(struct dax_test *self)
{
	struct lease_view view = { 0 };
	struct stat st;

	make(self, "openers", run_openers, argument_errnos);
	if (lease_acquire(self->lease, self->fd, 0, 0, NULL) || setup_pinned(NULL) ||
	    fstat(self->fd, &st) || lease_view_ino(self->lease, st.st_ino, &view) != 1)
		op.clean = -EPROTO;
	ctx.record = view.pin[0].id;
	return &op;
}

FAULT_TESTS(dax, openers, make_openers, .memory = true, .copies = true)
FAULT_TEST_NTH(dax, openers, make_openers)

TEST_LEAKS

TEST_HARNESS_MAIN
