// SPDX-License-Identifier: GPL-2.0
/*
 * Faults in what is done with lease descriptors: each call that can fail does,
 * and so does each allocation; or the caller is killed there.
 */
#include "dax_fixture.h"
#include "fault.h"
#include "leak.h"
#include "peer.h"

#include <sys/resource.h>

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	600

#define USER		4711
/* max_leases_per_user, as it is by default. */
#define MAX_LEASES	1024

struct lease_ctx {
	struct dax_test *self;
	int lease;
	int dev;
	uint64_t off;
	uint64_t len;
	uint32_t pin;
};

static struct lease_ctx ctx;
static struct fault_op op;

/* Nothing that is not in Documentation/uapi.rst. */
static const int open_errnos[] = { ENOMEM, EFAULT, 0 };
static const int acquire_errnos[] = { EINTR, ENOMEM, EFAULT, 0 };
static const int attach_errnos[] = { ENOMEM, EFAULT, 0 };
static const int release_errnos[] = { EFAULT, 0 };

static const struct inject_func lock_killed[] = {
	FAULT_FUNC("daxlease_inode_lock_killable", -EINTR),
	{ },
};

/* Steps that the operations share. */

static long setup_open(void *arg)
{
	struct lease_ctx *c = arg;

	c->lease = lease_open();
	return c->lease < 0 ? c->lease : 0;
}

static long setup_acquired(void *arg)
{
	struct lease_ctx *c = arg;
	long ret = setup_open(c);

	return ret ? ret : lease_acquire(c->lease, c->self->fd, 0, 0, NULL);
}

/* Behind the lease of the caller, so that both are there while it closes its own. */
static long setup_pinned(void *arg)
{
	struct lease_ctx *c = arg;
	long ret = setup_acquired(c);

	if (ret)
		return ret;
	c->dev = testdev_open();
	if (c->dev < 0)
		return c->dev;
	return testdev_pin(c->dev, page_of(c->self->map, 2), 3, TESTDEV_PIN_WRITE, &c->pin);
}

static long close_lease(struct lease_ctx *c)
{
	return close(c->lease) ? -errno : 0;
}

/* After a failure the descriptor has no lease, after a success it has one. */
static long cleanup_acquired(void *arg, long ret)
{
	struct lease_ctx *c = arg;
	long err;

	err = lease_release(c->lease);
	if (err != (ret ? -ENOENT : 0))
		return err ? err : -EPROTO;
	return close_lease(c);
}

static long cleanup_closed(void *arg, long ret)
{
	(void)ret;
	return close_lease(arg);
}

/* Open. */

static long run_open(void *arg)
{
	return setup_open(arg);
}

static long cleanup_opened(void *arg, long ret)
{
	return ret ? 0 : close_lease(arg);
}

static const struct fault_op *make_open(struct dax_test *self)
{
	ctx = (struct lease_ctx) { .self = self };
	op = (struct fault_op) {
		.name = "open", .run = run_open, .cleanup = cleanup_opened,
		.arg = &ctx, .errnos = open_errnos,
	};
	return &op;
}

FAULT_TESTS(dax, open, make_open, .memory = true)
FAULT_TEST_NTH(dax, open, make_open)

/* Acquire, of a file without leases and of one that has some. */

static long run_acquire(void *arg)
{
	struct lease_ctx *c = arg;

	return lease_acquire(c->lease, c->self->fd, c->off, c->len, NULL);
}

/* A file that could not be leased is one that no layout change is asked about. */
static long cleanup_acquire(void *arg, long ret)
{
	struct lease_ctx *c = arg;
	struct daxlease_stats before, after;
	long err = cleanup_acquired(arg, ret);

	if (!err)
		err = lease_stats(&before);
	if (!err)
		err = ftruncate(c->self->fd, FILE_SIZE) ? -errno : 0;
	if (!err)
		err = lease_stats(&after);
	return err ? err : after.breaks == before.breaks ? 0 : -EPROTO;
}

static const struct fault_op *make_acquire(struct dax_test *self)
{
	ctx = (struct lease_ctx) { .self = self };
	op = (struct fault_op) {
		.name = "acquire", .setup = setup_open, .run = run_acquire,
		.cleanup = cleanup_acquire, .arg = &ctx, .errnos = acquire_errnos,
	};
	return &op;
}

FAULT_TESTS(dax, acquire, make_acquire, .memory = true, .copies = true, .func = lock_killed)
FAULT_TEST_NTH(dax, acquire, make_acquire)

static const struct fault_op *make_acquire_range(struct dax_test *self)
{
	make_acquire(self);
	op.name = "acquire a range";
	op.cleanup = cleanup_acquired;
	ctx.off = 2 * PAGE_SZ;
	ctx.len = 4 * PAGE_SZ;
	/* The file has a lease all the time. */
	if (lease_acquire(self->lease, self->fd, 0, PAGE_SZ, NULL))
		op.run = NULL;
	return &op;
}

FAULT_TESTS(dax, acquire_range, make_acquire_range,
	    .memory = true, .copies = true, .func = lock_killed)
FAULT_TEST_NTH(dax, acquire_range, make_acquire_range)

/* The last one that a user may have: one that failed does not count. */
static long setup_last(void *arg)
{
	long ret = setup_open(arg);

	return ret ? ret : seteuid(USER) ? -errno : 0;
}

static long cleanup_last(void *arg, long ret)
{
	return seteuid(0) ? -errno : cleanup_acquired(arg, ret);
}

/* All but one of a user's leases. */
static bool take_leases(struct dax_test *self)
{
	struct rlimit limit = { 2 * MAX_LEASES, 2 * MAX_LEASES };
	int lease, ret;

	if (setrlimit(RLIMIT_NOFILE, &limit) || fchown(self->fd, USER, USER))
		return false;
	for (int i = 0; i < MAX_LEASES - 1; i++) {
		lease = lease_open();
		if (lease < 0 || seteuid(USER))
			return false;
		ret = lease_acquire(lease, self->fd, 0, PAGE_SZ, NULL);
		if (seteuid(0) || ret)
			return false;
	}
	return true;
}

static const struct fault_op *make_acquire_last(struct dax_test *self)
{
	make_acquire(self);
	op.name = "acquire the last one";
	op.setup = setup_last;
	op.cleanup = cleanup_last;
	if (!take_leases(self))
		op.clean = -EPROTO;
	return &op;
}

FAULT_TESTS(dax, acquire_last, make_acquire_last,
	    .memory = true, .copies = true, .func = lock_killed)

/* Attach, by a process that did not acquire. */

static long acquire_there(void *arg)
{
	struct lease_ctx *c = arg;

	return lease_acquire(c->lease, c->self->fd, 0, 0, NULL);
}

static long setup_attach(void *arg)
{
	long ret = setup_open(arg);

	return ret ? ret : in_child(acquire_there, arg, sizeof(struct lease_ctx));
}

static long run_attach(void *arg)
{
	struct lease_ctx *c = arg;

	return lease_attach(c->lease);
}

/* A holder can pin, nobody else can. */
static long cleanup_attach(void *arg, long ret)
{
	struct lease_ctx *c = arg;
	long err, want = ret ? -EOPNOTSUPP : 0;

	c->dev = testdev_open();
	if (c->dev < 0)
		return c->dev;
	err = testdev_pin(c->dev, page_of(c->self->map, 0), 1, TESTDEV_PIN_WRITE, &c->pin);
	close(c->dev);
	if (err != want)
		return err ? err : -EPROTO;
	return close_lease(c);
}

static const struct fault_op *make_attach(struct dax_test *self)
{
	ctx = (struct lease_ctx) { .self = self };
	op = (struct fault_op) {
		.name = "attach", .setup = setup_attach, .run = run_attach,
		.cleanup = cleanup_attach, .arg = &ctx, .errnos = attach_errnos,
	};
	return &op;
}

FAULT_TESTS(dax, attach, make_attach, .memory = true, .copies = true)
FAULT_TEST_NTH(dax, attach, make_attach)

/* Release: the lease is there after a failure. */

static long run_release(void *arg)
{
	struct lease_ctx *c = arg;

	return lease_release(c->lease);
}

static long cleanup_released(void *arg, long ret)
{
	struct lease_ctx *c = arg;
	long err;

	err = lease_release(c->lease);
	if (err != (ret ? 0 : -ENOENT))
		return err ? err : -EPROTO;
	return close_lease(c);
}

static const struct fault_op *make_release(struct dax_test *self)
{
	ctx = (struct lease_ctx) { .self = self };
	op = (struct fault_op) {
		.name = "release", .setup = setup_acquired, .run = run_release,
		.cleanup = cleanup_released, .arg = &ctx, .errnos = release_errnos,
	};
	return &op;
}

FAULT_TESTS(dax, release, make_release, .copies = true)
FAULT_TEST_NTH(dax, release, make_release)

/* Close, with a pin left: nothing of this can fail. */

static long run_close(void *arg)
{
	return close_lease(arg);
}

static long cleanup_orphan(void *arg, long ret)
{
	struct lease_ctx *c = arg;
	struct daxlease_stats stats;
	long err;

	(void)ret;
	err = lease_stats(&stats);
	if (!err && stats.orphaned != 1)
		err = -EPROTO;
	if (!err)
		err = testdev_unpin(c->dev, c->pin);
	close(c->dev);
	return err;
}

static const struct fault_op *make_close(struct dax_test *self)
{
	ctx = (struct lease_ctx) { .self = self };
	op = (struct fault_op) {
		.name = "close", .setup = setup_pinned, .run = run_close,
		.cleanup = cleanup_orphan, .arg = &ctx,
	};
	return &op;
}

/* Closing allocates nothing: what is swept over is whatever is called. */
static const struct inject_func closing[] = {
	FAULT_FUNC("put_pid", 0),
	/* The other one with lockdep. */
	FAULT_OPTIONAL("mutex_lock", 0),
	FAULT_OPTIONAL("mutex_lock_nested", 0),
	{ },
};

TEST_F(dax, close_killed)
{
	struct fault_set set = { .func = closing, .kill = true };

	EXPECT_FAULTS(fault_sweep(make_close(self), &set));
}

/* Close of the descriptor of a device that has pinned. */

static long run_unpin(void *arg)
{
	struct lease_ctx *c = arg;

	return close(c->dev) ? -errno : 0;
}

static const struct fault_op *make_unpin(struct dax_test *self)
{
	ctx = (struct lease_ctx) { .self = self };
	op = (struct fault_op) {
		.name = "close of the device", .setup = setup_pinned, .run = run_unpin,
		.cleanup = cleanup_closed, .arg = &ctx,
	};
	return &op;
}

TEST_F(dax, unpin_killed)
{
	struct fault_set set = { .func = closing, .kill = true };

	EXPECT_FAULTS(fault_sweep(make_unpin(self), &set));
}

TEST_LEAKS

TEST_HARNESS_MAIN
