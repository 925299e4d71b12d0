// SPDX-License-Identifier: GPL-2.0
/* Whatever is wrong with an argument: its errno, and nothing is changed. */
#include "dax_fixture.h"
#include "event.h"

#include <limits.h>
#include <stddef.h>

/* An argument with what may follow it, up to a page and one more. */
union arg {
	struct daxlease_acquire acquire;
	struct daxlease_attach attach;
	struct daxlease_release release;
	struct daxlease_query query;
	struct daxlease_stats stats;
	struct daxlease_scan scan;
	struct daxlease_openers openers;
	struct daxlease_force force;
	__u32 word[2];
	char bytes[2 * PAGE_SZ];
};

struct op {
	const char *name;
	unsigned long cmd;
	/* Of the structure, now and as it was first published. */
	size_t size;
	size_t first;
};

#define OP(name, type, first) \
	{ #name, DAXLEASE_##name, sizeof(struct daxlease_##type), first }

static const struct op ops[] = {
	OP(ACQUIRE, acquire, 48),
	OP(ATTACH, attach, 16),
	OP(RELEASE, release, 8),
	OP(QUERY, query, 40),
	OP(STATS, stats, 88),
	OP(SCAN, scan, 80),
	OP(OPENERS, openers, 32),
	OP(FORCE, force, 48),
};

#define FLAGS_WORD	1
/* max_break_time_ms, as it is by default. */
#define MAX_BREAK_TIME	60000
#define LAST_NR		8

static char records[PAGE_SZ];

/* A correct argument of an operation on a fd without lease. */
static void arg_init(union arg *arg, const struct op *op, int fd)
{
	memset(arg, 0, sizeof(*arg));
	arg->word[0] = op->size;
	if (op->cmd == DAXLEASE_ACQUIRE) {
		arg->acquire.fd = fd;
		arg->acquire.mode = DAXLEASE_MODE_EXCLUSIVE;
	} else if (op->cmd == DAXLEASE_QUERY) {
		arg->query.buf = (uintptr_t)records;
		arg->query.buf_len = sizeof(records);
	} else if (op->cmd == DAXLEASE_SCAN) {
		arg->scan.fd = fd;
		arg->scan.buf = (uintptr_t)records;
		arg->scan.buf_len = sizeof(records);
	} else if (op->cmd == DAXLEASE_OPENERS) {
		arg->openers.buf = (uintptr_t)records;
		arg->openers.buf_len = sizeof(records);
	} else if (op->cmd == DAXLEASE_FORCE) {
		arg->force.fd = fd;
	}
}

static int call(int lease, const struct op *op, void *arg)
{
	return ioctl(lease, op->cmd, arg) ? -errno : 0;
}

/* Without a lease and a pin some of them have nothing to do. */
static int right_result(const struct op *op)
{
	switch (op->cmd) {
	case DAXLEASE_ATTACH:
	case DAXLEASE_RELEASE:
	case DAXLEASE_OPENERS:
		return -ENOENT;
	default:
		return 0;
	}
}

static __u32 known_flags(const struct op *op)
{
	switch (op->cmd) {
	case DAXLEASE_SCAN:
		return DAXLEASE_SCAN_PINS_ONLY;
	case DAXLEASE_FORCE:
		return DAXLEASE_FORCE_KILL;
	default:
		return 0;
	}
}

static void unchanged(struct __test_metadata *_metadata, const struct daxlease_stats *before)
{
	struct daxlease_stats after;

	ASSERT_EQ(0, lease_stats(&after));
	EXPECT_EQ(0, memcmp(before, &after, sizeof(after)));
}

#define for_each_op(op) \
	for (const struct op *op = ops; op < ops + ARRAY_SIZE(ops); op++)

/* Says which one it was where an expectation fails. */
#define EXPECT_OP(op, expected, seen) do {				\
	int __got = (seen);						\
									\
	EXPECT_EQ(expected, __got)					\
		TH_LOG("%s: %d", (op)->name, __got);			\
} while (0)

TEST_F(dax, right_arguments)
{
	union arg arg;

	for_each_op(op) {
		arg_init(&arg, op, self->fd);
		EXPECT_OP(op, right_result(op), call(self->lease, op, &arg));
		if (op->cmd == DAXLEASE_ACQUIRE)
			EXPECT_EQ(0, lease_release(self->lease));
	}
}

TEST_F(dax, sizes)
{
	struct daxlease_stats before;
	union arg arg;

	ASSERT_EQ(0, lease_stats(&before));
	for_each_op(op) {
		const __u32 bad[] = {
			0, 1, 4, op->first - 1, PAGE_SZ + 1, 2 * PAGE_SZ, INT_MAX, UINT_MAX
		};

		for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
			arg_init(&arg, op, self->fd);
			arg.word[0] = bad[i];
			EXPECT_OP(op, -EINVAL, call(self->lease, op, &arg));
		}
	}
	unchanged(_metadata, &before);
}

/* What was published first is enough, and no more than that is written. */
TEST_F(dax, as_first_published)
{
	union arg arg;

	for_each_op(op) {
		for (__u32 size = op->first; size <= op->size; size += 4) {
			bool intact = true;

			arg_init(&arg, op, self->fd);
			memset(arg.bytes + size, 0x5a, 64);
			arg.word[0] = size;
			EXPECT_OP(op, right_result(op), call(self->lease, op, &arg));
			for (int i = 0; i < 64; i++)
				intact &= arg.bytes[size + i] == 0x5a;
			EXPECT_TRUE(intact)
				TH_LOG("%s, size %u", op->name, size);
			if (op->cmd == DAXLEASE_ACQUIRE)
				EXPECT_EQ(0, lease_release(self->lease));
		}
	}
}

TEST_F(dax, longer_with_zeroes)
{
	union arg arg;

	for_each_op(op) {
		const __u32 good[] = { op->size + 1, op->size + 8, op->size + 513, PAGE_SZ };

		for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
			arg_init(&arg, op, self->fd);
			arg.word[0] = good[i];
			EXPECT_OP(op, right_result(op), call(self->lease, op, &arg));
			if (op->cmd == DAXLEASE_ACQUIRE)
				EXPECT_EQ(0, lease_release(self->lease));
		}
	}
}

TEST_F(dax, longer_with_something)
{
	struct daxlease_stats before;
	union arg arg;

	ASSERT_EQ(0, lease_stats(&before));
	for_each_op(op) {
		const __u32 sizes[] = { op->size + 1, op->size + 65, PAGE_SZ };

		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			arg_init(&arg, op, self->fd);
			arg.word[0] = sizes[i];
			arg.bytes[sizes[i] - 1] = 1;
			EXPECT_OP(op, -EINVAL, call(self->lease, op, &arg));
			arg.bytes[sizes[i] - 1] = 0;
			arg.bytes[op->size] = 1;
			EXPECT_OP(op, -EINVAL, call(self->lease, op, &arg));
		}
	}
	unchanged(_metadata, &before);
}

TEST_F(dax, unknown_flags)
{
	struct daxlease_stats before;
	union arg arg;

	ASSERT_EQ(0, lease_stats(&before));
	for_each_op(op) {
		for (int bit = 0; bit < 32; bit++) {
			if (known_flags(op) & (1U << bit))
				continue;
			arg_init(&arg, op, self->fd);
			arg.word[FLAGS_WORD] = 1U << bit | known_flags(op);
			EXPECT_OP(op, -EINVAL, call(self->lease, op, &arg));
		}
	}
	unchanged(_metadata, &before);
}

TEST_F(dax, members_of_acquire)
{
	const struct op *op = &ops[0];
	struct daxlease_stats before;
	union arg arg;

	ASSERT_EQ(0, lease_stats(&before));
	for (__u32 mode = 0; mode < 40; mode++) {
		if (mode == DAXLEASE_MODE_EXCLUSIVE || mode == DAXLEASE_MODE_BREAKABLE)
			continue;
		arg_init(&arg, op, self->fd);
		arg.acquire.mode = mode;
		EXPECT_EQ(-EINVAL, call(self->lease, op, &arg));
	}
	/* Nobody waits for an exclusive lease. */
	arg_init(&arg, op, self->fd);
	arg.acquire.break_time_ms = 1;
	EXPECT_EQ(-EINVAL, call(self->lease, op, &arg));
	for (__u32 mode = DAXLEASE_MODE_EXCLUSIVE; mode <= DAXLEASE_MODE_BREAKABLE; mode++) {
		arg_init(&arg, op, self->fd);
		arg.acquire.mode = mode;
		arg.acquire.reserved = 1;
		EXPECT_EQ(-EINVAL, call(self->lease, op, &arg));
	}
	unchanged(_metadata, &before);
}

/* Up to what the system allows by default; 0 is what it has. */
TEST_F(dax, break_times)
{
	static const __u32 bad[] = { MAX_BREAK_TIME + 1, INT_MAX, 1U << 31, UINT_MAX };
	static const __u32 good[] = { 1, MAX_BREAK_TIME, 0 };
	struct daxlease_stats before;
	struct lease_view view;
	struct stat st;

	ASSERT_EQ(0, lease_stats(&before));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-ERANGE, lease_acquire_breakable(self->lease, self->fd, 0, 0, bad[i]));
	/* The range is looked at before the time, and the time before the file. */
	EXPECT_EQ(-EINVAL, lease_acquire_breakable(self->lease, self->fd, 1, 0, UINT_MAX));
	EXPECT_EQ(-ERANGE, lease_acquire_breakable(self->lease, -1, 0, 0, UINT_MAX));
	unchanged(_metadata, &before);
	ASSERT_EQ(0, fstat(self->fd, &st));
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		ASSERT_EQ(0, lease_acquire_breakable(self->lease, self->fd, 0, 0, good[i]));
		ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
		EXPECT_EQ(DAXLEASE_MODE_BREAKABLE, view.lease.mode);
		EXPECT_LT(0, view.lease.break_time_ms);
		EXPECT_TRUE(!good[i] || good[i] == view.lease.break_time_ms);
		EXPECT_EQ(0, lease_release(self->lease));
	}
}

TEST_F(dax, ranges)
{
	static const struct {
		__u64 off;
		__u64 len;
	} bad[] = {
		{ 1, 0 },
		{ 512, PAGE_SZ },
		{ PAGE_SZ - 1, PAGE_SZ },
		{ 0, 1 },
		{ 0, PAGE_SZ - 1 },
		{ 0, PAGE_SZ + 1 },
		{ 0, ~0ULL },
		{ 0, 1ULL << 63 },
		{ PAGE_SZ, 0ULL - PAGE_SZ },
		{ 1ULL << 63, PAGE_SZ },
		{ 1ULL << 63, 0 },
		{ 0ULL - PAGE_SZ, PAGE_SZ },
		{ 0ULL - PAGE_SZ, 0 },
		{ 0ULL - PAGE_SZ, 2 * PAGE_SZ },
		{ (1ULL << 63) - PAGE_SZ, 2 * PAGE_SZ },
	};
	struct daxlease_stats before;

	ASSERT_EQ(0, lease_stats(&before));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, lease_acquire(self->lease, self->fd, bad[i].off,
						 bad[i].len, NULL))
			TH_LOG("offset %llx, length %llx", bad[i].off, bad[i].len);
	}
	unchanged(_metadata, &before);
	acquire_whole();
}

TEST_F(dax, pointers)
{
	struct daxlease_stats before;
	char *map, *end;

	map = mmap(NULL, 2 * PAGE_SZ, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, munmap(map + PAGE_SZ, PAGE_SZ));
	end = map + PAGE_SZ;

	ASSERT_EQ(0, lease_stats(&before));
	for_each_op(op) {
		union arg arg;

		EXPECT_OP(op, -EFAULT, call(self->lease, op, NULL));
		EXPECT_OP(op, -EFAULT, call(self->lease, op, end));
		EXPECT_OP(op, -EFAULT, call(self->lease, op, (void *)-8L));
		EXPECT_OP(op, -EFAULT, call(self->lease, op, (void *)(1UL << 63)));
		/* The size can be read, not the rest. */
		arg_init(&arg, op, self->fd);
		memcpy(end - op->size + 4, &arg, op->size - 4);
		EXPECT_OP(op, -EFAULT, call(self->lease, op, end - op->size + 4));
	}
	unchanged(_metadata, &before);
}

/* One has no answer, and one finds no pin to tell of. */
static int no_answer(const struct op *op)
{
	return op->cmd == DAXLEASE_RELEASE ? 0 :
	       op->cmd == DAXLEASE_OPENERS ? -ENOENT : -EFAULT;
}

/* Readable and not writable: what has an answer cannot give it. */
TEST_F(dax, answer_cannot_be_written)
{
	union arg *arg;

	arg = mmap(NULL, sizeof(*arg), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, arg);
	for_each_op(op) {
		int lease = lease_open();

		ASSERT_LE(0, lease);
		if (op->cmd != DAXLEASE_ACQUIRE)
			ASSERT_EQ(0, lease_acquire(lease, self->fd, 0, 0, NULL));
		ASSERT_EQ(0, mprotect(arg, sizeof(*arg), PROT_READ | PROT_WRITE));
		arg_init(arg, op, self->fd);
		ASSERT_EQ(0, mprotect(arg, sizeof(*arg), PROT_READ));
		EXPECT_OP(op, no_answer(op), call(lease, op, arg));
		/* Nobody has heard of a lease, so there is none. */
		if (op->cmd == DAXLEASE_ACQUIRE)
			EXPECT_EQ(-ENOENT, lease_release(lease));
		close(lease);
	}
}

TEST_F(dax, query_buffer)
{
	struct daxlease_query query = { .size = sizeof(query), .buf_len = PAGE_SZ };

	/* Nothing to tell, so the buffer does not matter. */
	EXPECT_EQ(0, ioctl(self->lease, DAXLEASE_QUERY, &query));
	EXPECT_EQ(0, query.used);
	acquire_whole();
	EXPECT_EQ(-1, ioctl(self->lease, DAXLEASE_QUERY, &query));
	EXPECT_EQ(EFAULT, errno);
	query.buf = (uintptr_t)records;
	for (__u32 len = 0; len <= sizeof(struct daxlease_lease_record); len += 8) {
		query.buf_len = len;
		query.lease_cursor = 0;
		query.pin_cursor = 0;
		EXPECT_EQ(-1, ioctl(self->lease, DAXLEASE_QUERY, &query));
		EXPECT_EQ(EINVAL, errno);
	}
	/* A cursor that never was. */
	query.buf_len = sizeof(records);
	query.lease_cursor = ~0ULL;
	EXPECT_EQ(0, ioctl(self->lease, DAXLEASE_QUERY, &query));
	EXPECT_EQ(0, query.used);
	query.pin_cursor = ~0ULL;
	EXPECT_EQ(0, ioctl(self->lease, DAXLEASE_QUERY, &query));
	EXPECT_EQ(0, query.used);
}

TEST_F(dax, unknown_commands)
{
	union arg arg;

	memset(&arg, 0, sizeof(arg));
	for (unsigned int nr = 0; nr < 256; nr++) {
		if (nr >= 1 && nr <= LAST_NR)
			continue;
		EXPECT_EQ(-1, ioctl(self->lease, _IO(DAXLEASE_IOC_MAGIC, nr), &arg));
		EXPECT_EQ(ENOTTY, errno);
	}
	/* The same numbers of other kinds. */
	for (unsigned int nr = 1; nr <= LAST_NR; nr++) {
		EXPECT_EQ(-1, ioctl(self->lease, _IOW(DAXLEASE_IOC_MAGIC, nr, int), &arg));
		EXPECT_EQ(ENOTTY, errno);
		EXPECT_EQ(-1, ioctl(self->lease, _IO(DAXLEASE_IOC_MAGIC + 1, nr), &arg));
		EXPECT_EQ(ENOTTY, errno);
	}
}

TEST_F(dax, attach_and_release_without_a_lease)
{
	EXPECT_EQ(-ENOENT, lease_attach(self->lease));
	EXPECT_EQ(-ENOENT, lease_release(self->lease));
}

TEST_HARNESS_MAIN
