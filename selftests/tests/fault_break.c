// SPDX-License-Identifier: GPL-2.0
/*
 * Faults in layout changes that wait for somebody else's pins: while leave is asked
 * for, while the holder is told, at the deadline, behind it.  A holder that was told
 * of a change is told of its end, and then may pin again.  The pins are of the test
 * device, or an RDMA memory region.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "event.h"
#include "fault.h"
#include "leak.h"
#include "rdma.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	600

#define PINNED		4
#define SHORT_MS	1

static struct {
	peer_fn fn;
	struct change change;
	/* A process that has a breakable lease, and the lease fd here. */
	struct peer holder;
	int lease;
	uint32_t flags;
	/* It has a memory region there, and not a pin of the test device. */
	bool region;
	struct snapshot before;
} ctx;

static struct fault_op op;

/* Of the lease manager, and what is injected behind it. */
static const int break_errnos[] = { ENOMEM, EINTR, EIO, 0 };
/* And of open(). */
static const int nth_errnos[] = { ENOMEM, EFAULT, 0 };

/* The manager's allocator. */
static const struct inject_func verdict_calls[] = {
	{ .name = "krealloc_node_align_noprof", .flags = INJECT_GFP, .arg = 3 },
	{ },
};

/* When the pins are gone the filesystem may fail all the same. */
static const struct inject_func later_calls[] = {
	FAULT_FUNC("dax_break_layout", -EINTR),
	FAULT_OPTIONAL("file_modified", -EIO),
	{ },
};

/* Telling, which is seen to happen there. */
static const struct inject_func telling[] = {
	FAULT_FUNC("kill_fasync", 0),
	{ },
};

/* The steps of taking a region back: none of them can fail, or be left out. */
static const struct inject_func taking_back[] = {
	FAULT_FUNC("rxe_mr_revoke", 0),
	FAULT_FUNC("unpin_user_page_range_dirty_lock", 0),
	FAULT_FUNC("sg_free_append_table", 0),
	{ },
};

static const struct fault_set in_verdict = {
	.window = "__layout_break_begin", .func = verdict_calls,
};

static const struct fault_set killed_in_verdict = {
	.window = "__layout_break_begin", .func = verdict_calls, .kill = true,
};

static const struct fault_set later = { .func = later_calls };
static const struct fault_set killed_later = { .func = later_calls, .kill = true };

static long look(struct snapshot *snapshot)
{
	long ret = snapshot_take(ctx.change.path, snapshot);

	memset(&snapshot->mtime, 0, sizeof(snapshot->mtime));
	memset(&snapshot->ctime, 0, sizeof(snapshot->ctime));
	return ret;
}

/* In the holder: it keeps one pin at a time, so that nobody has to know its number. */
static long pin_anew(void *arg)
{
	static struct actor_range pinned;
	struct actor_range *range = arg;
	long ret;

	if (pinned.id)
		actor_unpin(&pinned);
	ret = actor_pin(range);
	pinned = *range;
	if (ret)
		pinned.id = 0;
	return ret;
}

/* Likewise; one that has been taken back can be deregistered, and registered again. */
static long register_anew(void *arg)
{
	static struct rdma rdma;
	static struct ibv_mr *mr;
	static char *map;
	long ret;

	(void)arg;
	if (!map) {
		int fd = open(ctx.change.path, O_RDWR | O_CLOEXEC);

		ret = rdma_open(&rdma, 0);
		if (ret)
			return ret;
		map = file_map(fd, FILE_SIZE, PROT_READ | PROT_WRITE);
		close(fd);
		if (!map)
			return -EBADF;
	}
	if (mr && ibv_dereg_mr(mr))
		return -EPROTO;
	mr = rdma_reg(&rdma, page_of(map, PINNED), PAGE_SZ, RDMA_ACCESS);
	return mr ? 0 : -errno;
}

static long pin(void)
{
	struct actor_range range = {
		.off = PINNED * PAGE_SZ, .len = PAGE_SZ, .arg = TESTDEV_PIN_WRITE | ctx.flags,
	};

	if (ctx.region)
		return peer_call(&ctx.holder, register_anew, NULL, 0);
	return peer_call(&ctx.holder, pin_anew, &range, sizeof(range));
}

/* The file has its size and its bytes again, and the pin is there. */
static long restore(void)
{
	int fd = open(ctx.change.path, O_RDWR | O_CLOEXEC);
	static char bytes[FILE_SIZE];
	long ret = 0;

	for (unsigned int i = 0; i < FILE_SIZE; i++)
		bytes[i] = FILE_SEED + i / 61;
	if (fd < 0 || ftruncate(fd, FILE_SIZE) || pwrite(fd, bytes, FILE_SIZE, 0) != FILE_SIZE)
		ret = -errno;
	close(fd);
	return ret ? ret : pin();
}

static long drain_events(void)
{
	struct daxlease_event event;
	long ret = 0;

	while (!ret && event_pending(ctx.lease))
		ret = event_next(ctx.lease, &event);
	return ret;
}

static long setup_break(void *arg)
{
	long ret;

	(void)arg;
	ret = restore();
	if (!ret)
		ret = drain_events();
	return ret ? ret : look(&ctx.before);
}

static long run_break(void *arg)
{
	(void)arg;
	return ctx.fn(&ctx.change);
}

/* What is told of one change: nothing, or its begin and its end. */
static long told(long outcome, bool maybe)
{
	struct daxlease_event event;
	uint64_t id = 0;
	long ret;

	while (event_pending(ctx.lease)) {
		ret = event_next(ctx.lease, &event);
		if (ret)
			return ret;
		if (event.type == DAXLEASE_EVENT_BREAK && !id) {
			id = event.break_id;
		} else if (event.type == DAXLEASE_EVENT_RESUMED) {
			if (!id || event.break_id != id || event.outcome != -outcome)
				return -EPROTO;
			return event_pending(ctx.lease) ? -EPROTO : 0;
		} else if (!id || !ctx.flags) {
			return -EPROTO;
		}
	}
	return maybe && !id ? 0 : -EPROTO;
}

/* The end of it: its begin was told, the file is what it was, and pins are let in. */
static long after(long ret, long outcome, bool maybe)
{
	struct snapshot now;
	long err = told(outcome, maybe);

	if (!err && ret)
		err = look(&now);
	if (!err && ret && !snapshot_same(&ctx.before, &now))
		err = -EUCLEAN;
	return err ? err : restore();
}

/*
 * -ENOMEM comes before anybody is asked; what fails behind the wait does so when the
 * change has been let go on.
 */
static long cleanup_break(void *arg, long ret)
{
	(void)arg;
	return after(ret, ret == -ETXTBSY ? ret : 0, ret == -ENOMEM || ret == -EFAULT);
}

/* A signal ended it before, while, or after it waited. */
static long reap_break(void *arg)
{
	struct daxlease_event event;
	bool begun = false, over = true;
	long ret = 0;

	(void)arg;
	while (!ret && event_pending(ctx.lease)) {
		ret = event_next(ctx.lease, &event);
		if (event.type == DAXLEASE_EVENT_BREAK) {
			begun = true;
			over = false;
		}
		if (event.type == DAXLEASE_EVENT_RESUMED) {
			over = begun;
			if (event.outcome && event.outcome != EINTR && event.outcome != ETXTBSY)
				return -EPROTO;
		}
	}
	if (!over)
		return -EPROTO;
	/* It may have been let go on. */
	return ret ? ret : restore();
}

/* False where there is no RDMA device, and there was to be a region. */
static bool set_up(struct __test_metadata *_metadata, struct dax_test *self, peer_fn fn,
		   uint32_t flags, bool region)
{
	struct actor_range range = { .arg = SHORT_MS };
	long ret;

	memset(&ctx, 0, sizeof(ctx));
	ctx.fn = fn;
	ctx.flags = flags;
	ctx.region = region;
	ctx.change = change_of(self->path, NULL, PINNED * PAGE_SZ, PAGE_SZ);
	ASSERT_EQ(0, peer_start(&ctx.holder));
	ASSERT_EQ(0, peer_open(&ctx.holder, self->path));
	ASSERT_EQ(0, peer_call(&ctx.holder, actor_acquire_breakable, &range, sizeof(range)));
	ctx.lease = peer_get_fd(&ctx.holder, peer_call(&ctx.holder, actor_lease_fd, NULL, 0));
	ASSERT_LE(0, ctx.lease);
	/* So that a signal is raised, too, in whoever tells. */
	ASSERT_EQ(0, fcntl(ctx.lease, F_SETFL, O_ASYNC));
	ret = pin();
	if (region && ret == -ENODEV)
		return false;
	ASSERT_EQ(0, ret);
	op = (struct fault_op) {
		.name = region ? "break, region revoked" :
			flags ? "break, revoked" : "break, refused",
		.setup = setup_break, .run = run_break, .cleanup = cleanup_break,
		.reap = reap_break, .clean = flags ? 0 : -ETXTBSY, .errnos = break_errnos,
	};
	return true;
}

static void sweeps(struct __test_metadata *_metadata)
{
	EXPECT_FAULTS(fault_sweep(&op, &in_verdict));
	EXPECT_FAULTS(fault_sweep(&op, &killed_in_verdict));
}

/* There is nothing that could fail while a change waits, though events are told. */
static void nothing_fails(struct __test_metadata *_metadata, const char *window)
{
	struct fault_set allocations = { .window = window, .memory = true };
	struct fault_set events = { .window = window, .func = telling };

	EXPECT_EQ(0, fault_sweep(&op, &allocations));
	EXPECT_FAULTS(fault_sweep(&op, &events));
}

static void revoked(struct __test_metadata *_metadata)
{
	sweeps(_metadata);
	EXPECT_FAULTS(fault_sweep(&op, &later));
	EXPECT_FAULTS(fault_sweep(&op, &killed_later));
	nothing_fails(_metadata, "layout_break_wait");
	nothing_fails(_metadata, "__layout_break_end");
}

static void region_revoked(struct __test_metadata *_metadata)
{
	static const struct fault_set killed = {
		.window = "layout_break_wait", .func = taking_back, .kill = true,
	};

	revoked(_metadata);
	EXPECT_FAULTS(fault_sweep(&op, &killed));
}

#define BREAK(name)							\
	TEST_F(dax, name##_refused)					\
	{								\
		set_up(_metadata, self, change_##name, 0, false);	\
		sweeps(_metadata);					\
		/* There it also ends. */				\
		nothing_fails(_metadata, "layout_break_wait");		\
		peer_stop(&ctx.holder);					\
	}								\
	TEST_F(dax, name##_revoked)					\
	{								\
		set_up(_metadata, self, change_##name, TESTDEV_PIN_REVOCABLE, \
		       false);						\
		revoked(_metadata);					\
		peer_stop(&ctx.holder);					\
	}								\
	TEST_F(dax, name##_region_revoked)				\
	{								\
		if (!set_up(_metadata, self, change_##name,		\
			    TESTDEV_PIN_REVOCABLE, true))		\
			SKIP(return, "no device %s", rdma_device());	\
		region_revoked(_metadata);				\
		peer_stop(&ctx.holder);					\
	}								\
	TEST_F(dax, name##_refused_nth)					\
	{								\
		set_up(_metadata, self, change_##name, 0, false);	\
		op.errnos = nth_errnos;					\
		EXPECT_FAULTS(fault_sweep_nth(&op));			\
		peer_stop(&ctx.holder);					\
	}

BREAK(punch)
BREAK(zero)
BREAK(truncate)
BREAK(collapse)
BREAK(insert)

TEST_LEAKS

TEST_HARNESS_MAIN
