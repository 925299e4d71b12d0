// SPDX-License-Identifier: GPL-2.0
/*
 * Faults in layout changes: while leave is asked for, and behind that, while
 * pins are kept out.  A change that fails has changed nothing, and however it
 * ends, pins are let in again.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "fault.h"
#include "leak.h"

#include <sys/mman.h>

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	600

#define PINNED		0
#define CHANGED		4
#define CHANGED_PAGES	2

/* The file being changed and another one, both of them with a lease, or not. */
static struct {
	struct dax_test *self;
	peer_fn fn;
	struct change change;
	/* Where the change leaves the first page alone. */
	bool pin;
	bool lease;

	struct snapshot before[2];
	int fd[2];
	int held[2];
	int dev;
} ctx;

static struct fault_op op;

/* Of the lease manager, and what is injected behind it. */
static const int change_errnos[] = { ENOMEM, EINTR, EIO, 0 };

/* The verdict itself, of one file or the other, and what may fail behind it. */
static const struct inject_func change_calls[] = {
	FAULT_FUNC("__layout_break_begin", -EINTR),
	FAULT_FUNC("dax_break_layout", -EINTR),
	FAULT_OPTIONAL("file_modified", -EIO),
	FAULT_OPTIONAL("dax_remap_file_range_prep", -EIO),
	FAULT_OPTIONAL("xfs_exchrange_prep", -EIO),
	{ },
};

/* The manager's allocator; and without a module the change goes on unmarked. */
static const struct inject_func verdict_calls[] = {
	{ .name = "krealloc_node_align_noprof", .flags = INJECT_GFP, .arg = 3 },
	FAULT_FUNC("try_module_get", false),
	{ },
};

static const struct fault_set in_verdict = {
	.window = "__layout_break_begin", .func = verdict_calls,
};

static const struct fault_set around = { .func = change_calls };
static const struct fault_set killed_in_verdict = {
	.window = "__layout_break_begin", .func = verdict_calls, .kill = true,
};

static const struct fault_set killed_around = { .func = change_calls, .kill = true };

static const char *path_of(int i)
{
	return i ? ctx.change.other : ctx.change.path;
}

/* Times do change: some of them are set before anything can fail. */
static long look(int i, struct snapshot *snapshot)
{
	long ret = snapshot_take(path_of(i), snapshot);

	memset(&snapshot->mtime, 0, sizeof(snapshot->mtime));
	memset(&snapshot->ctime, 0, sizeof(snapshot->ctime));
	return ret;
}

static long setup_file(int i)
{
	unlink(path_of(i));
	ctx.held[i] = -1;
	ctx.fd[i] = file_create(path_of(i), FILE_SIZE, FILE_SEED);
	if (ctx.fd[i] < 0)
		return ctx.fd[i];
	if (ctx.lease) {
		ctx.held[i] = lease_take(ctx.fd[i]);
		if (ctx.held[i] < 0)
			return ctx.held[i];
	}
	return 0;
}

static long pin_file(unsigned long page)
{
	char *map = file_map(ctx.fd[0], FILE_SIZE, PROT_READ | PROT_WRITE);
	uint32_t id;
	long ret;

	if (!map)
		return -errno;
	ret = testdev_pin(ctx.dev, page_of(map, page), 1, TESTDEV_PIN_WRITE, &id);
	munmap(map, FILE_SIZE);
	return ret;
}

static long setup_change(void *arg)
{
	long ret;

	(void)arg;
	ctx.dev = testdev_open();
	ret = setup_file(0);
	if (!ret)
		ret = setup_file(1);
	if (!ret && ctx.lease && ctx.pin)
		ret = pin_file(PINNED);
	if (!ret)
		ret = fsync(ctx.fd[0]) ? -errno : 0;
	if (!ret)
		ret = look(0, &ctx.before[0]);
	if (!ret)
		ret = look(1, &ctx.before[1]);
	return ret;
}

static long run_change(void *arg)
{
	(void)arg;
	return ctx.fn(&ctx.change);
}

/* Nothing has happened to either file. */
static long unchanged(void)
{
	struct snapshot after;
	long ret;

	for (int i = 0; i < 2; i++) {
		ret = look(i, &after);
		if (ret)
			return ret;
		if (!snapshot_same(&ctx.before[i], &after))
			return -EUCLEAN;
	}
	return 0;
}

/* Neither leases nor pins are kept out any more. */
static long admitted(bool same)
{
	int lease;

	for (int i = 0; i < 2; i++) {
		lease = lease_take(ctx.fd[i]);
		if (lease < 0)
			return lease;
		close(lease);
	}
	return same && ctx.lease ? pin_file(CHANGED) : 0;
}

static long cleanup_change(void *arg, long ret)
{
	long err = 0;

	(void)arg;
	if (ret)
		err = unchanged();
	if (!err)
		err = admitted(ret);
	close(ctx.dev);
	for (int i = 0; i < 2; i++) {
		close(ctx.fd[i]);
		if (ctx.held[i] >= 0)
			close(ctx.held[i]);
	}
	return err;
}

static void set_op(struct dax_test *self, const char *name, peer_fn fn, bool pin)
{
	char path[PATH_LEN], other[PATH_LEN];

	other_path(path, "changed");
	other_path(other, "other");
	memset(&ctx, 0, sizeof(ctx));
	ctx.self = self;
	ctx.fn = fn;
	ctx.pin = pin;
	ctx.change = change_of(path, other, CHANGED * PAGE_SZ, CHANGED_PAGES * PAGE_SZ);
	op = (struct fault_op) {
		.name = name, .setup = setup_change, .run = run_change,
		.cleanup = cleanup_change, .errnos = change_errnos,
	};
}

/* 0, or what the filesystem says where it does not have this change. */
static long missing(void)
{
	long ret, err;

	ret = setup_change(NULL);
	if (ret)
		return ret;
	ret = run_change(NULL);
	err = cleanup_change(NULL, ret);
	return ret ? ret : err;
}

static void sweep(struct __test_metadata *_metadata, const struct fault_set *set)
{
	EXPECT_LT(0, fault_sweep(&op, set));
}

static bool ready(struct __test_metadata *_metadata)
{
	long ret = missing();

	if (access("/dev/daxlease-inject", R_OK))
		SKIP(return false, "no fault injection here");
	if (change_missing(ret))
		SKIP(return false, "not on this filesystem: %s", strerror(-ret));
	EXPECT_EQ(0, ret);
	return !ret;
}

/* A change by the holder of both files' leases, where nothing is pinned. */
static void by_holder(struct __test_metadata *_metadata)
{
	if (!ready(_metadata))
		return;
	ctx.lease = true;
	sweep(_metadata, &in_verdict);
	sweep(_metadata, &around);
	sweep(_metadata, &killed_in_verdict);
	sweep(_metadata, &killed_around);
}

/* Of files that nobody leases: asking costs no memory. */
static void unleased(struct __test_metadata *_metadata)
{
	if (!ready(_metadata))
		return;
	EXPECT_EQ(0, fault_sweep(&op, &in_verdict));
	sweep(_metadata, &around);
	sweep(_metadata, &killed_around);
}

/* Of files that others lease: never anything but an error. */
static long setup_refused(void *arg)
{
	long ret = look(0, &ctx.before[0]);

	(void)arg;
	return ret ? ret : look(1, &ctx.before[1]);
}

static long cleanup_refused(void *arg, long ret)
{
	(void)arg;
	return ret ? unchanged() : -EPROTO;
}

static void by_another(struct __test_metadata *_metadata)
{
	struct peer peer[2];

	if (!ready(_metadata))
		return;
	for (int i = 0; i < 2; i++) {
		unlink(path_of(i));
		close(file_create(path_of(i), FILE_SIZE, FILE_SEED));
		ASSERT_EQ(0, peer_start(&peer[i]));
		ASSERT_EQ(0, peer_open(&peer[i], path_of(i)));
		ASSERT_EQ(0, peer_acquire(&peer[i], 0, 0));
	}
	ASSERT_LT(0, peer_pin(&peer[0], CHANGED, 1, TESTDEV_PIN_WRITE));
	op.setup = setup_refused;
	op.cleanup = cleanup_refused;
	op.clean = -ETXTBSY;
	sweep(_metadata, &killed_in_verdict);
	sweep(_metadata, &in_verdict);
	peer_stop(&peer[0]);
	peer_stop(&peer[1]);
}

#define CHANGE(name, pin)					\
	TEST_F(dax, name##_by_holder)				\
	{							\
		set_op(self, #name, change_##name, pin);	\
		by_holder(_metadata);				\
	}							\
	TEST_F(dax, name##_by_another)				\
	{							\
		set_op(self, #name, change_##name, pin);	\
		by_another(_metadata);				\
	}							\
	TEST_F(dax, name##_unleased)				\
	{							\
		set_op(self, #name, change_##name, pin);	\
		unleased(_metadata);				\
	}

CHANGE(truncate, true)
CHANGE(punch, true)
CHANGE(zero, true)
CHANGE(collapse, true)
CHANGE(insert, true)
CHANGE(unshare, true)
CHANGE(reflink_from, true)
CHANGE(reflink_to, true)
CHANGE(dedupe_from, true)
CHANGE(exchange_1, true)
CHANGE(exchange_2, true)
/* These are about whole files. */
CHANGE(open_trunc, false)
CHANGE(swapext, false)
CHANGE(repair, false)
CHANGE(dax_flag, false)

TEST_LEAKS

TEST_HARNESS_MAIN
