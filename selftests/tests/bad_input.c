// SPDX-License-Identifier: GPL-2.0
/* Whatever is wrong with an argument: its errno, and nothing is changed. */
#include "dax_fixture.h"
#include "scan.h"

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
	__u32 word[2];
	char bytes[2 * PAGE_SZ];
};

struct op {
	const char *name;
	unsigned long cmd;
	size_t size;
};

static const struct op ops[] = {
	{ "ACQUIRE",	DAXLEASE_ACQUIRE,	sizeof(struct daxlease_acquire) },
	{ "ATTACH",	DAXLEASE_ATTACH,	sizeof(struct daxlease_attach) },
	{ "RELEASE",	DAXLEASE_RELEASE,	sizeof(struct daxlease_release) },
	{ "QUERY",	DAXLEASE_QUERY,		sizeof(struct daxlease_query) },
	{ "STATS",	DAXLEASE_STATS,		sizeof(struct daxlease_stats) },
	{ "SCAN",	DAXLEASE_SCAN,		sizeof(struct daxlease_scan) },
};

#define FLAGS_WORD	1
#define LAST_NR		6

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
	}
}

static int call(int lease, const struct op *op, void *arg)
{
	return ioctl(lease, op->cmd, arg) ? -errno : 0;
}

/* Without a lease on the fd two of them have nothing to do. */
static int right_result(const struct op *op)
{
	return op->cmd == DAXLEASE_ATTACH || op->cmd == DAXLEASE_RELEASE ? -ENOENT : 0;
}

static __u32 known_flags(const struct op *op)
{
	return op->cmd == DAXLEASE_SCAN ? DAXLEASE_SCAN_PINS_ONLY : 0;
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
			0, 1, 4, op->size - 1, PAGE_SZ + 1, 2 * PAGE_SZ, INT_MAX, UINT_MAX
		};

		for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
			arg_init(&arg, op, self->fd);
			arg.word[0] = bad[i];
			EXPECT_OP(op, -EINVAL, call(self->lease, op, &arg));
		}
	}
	unchanged(_metadata, &before);
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
		if (mode == DAXLEASE_MODE_EXCLUSIVE)
			continue;
		arg_init(&arg, op, self->fd);
		arg.acquire.mode = mode;
		EXPECT_EQ(-EINVAL, call(self->lease, op, &arg));
	}
	arg_init(&arg, op, self->fd);
	arg.acquire.break_time_ms = 1;
	EXPECT_EQ(-EINVAL, call(self->lease, op, &arg));
	arg_init(&arg, op, self->fd);
	arg.acquire.reserved = 1;
	EXPECT_EQ(-EINVAL, call(self->lease, op, &arg));
	unchanged(_metadata, &before);
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
		EXPECT_OP(op, op->cmd == DAXLEASE_RELEASE ? 0 : -EFAULT, call(lease, op, arg));
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

#define EXPECT_SCAN(ret, fd, off, len) do {				\
	struct daxlease_scan __scan;					\
	int __got = scan_busy(self->lease, fd, off, len, 0, &__scan);	\
									\
	EXPECT_EQ(ret, __got)						\
		TH_LOG("offset %llx, length %llx: %d", (__u64)(off),	\
		       (__u64)(len), __got);				\
} while (0)

TEST_F(dax, ranges_of_scan)
{
	static const __u64 bad[][2] = {
		{ 0, ~0ULL },
		{ 0, 1ULL << 63 },
		{ 1, (1ULL << 63) - 1 },
		{ (1ULL << 63) - 1, 1 },
		{ 1ULL << 63, 0 },
		{ 1ULL << 63, 1 },
		{ ~0ULL, 0 },
		{ ~0ULL, 1 },
		{ ~0ULL, 2 },
		{ ~0ULL, ~0ULL },
		{ 0ULL - PAGE_SZ, 2 * PAGE_SZ },
	};
	struct daxlease_stats before;

	ASSERT_EQ(0, lease_stats(&before));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_SCAN(-EINVAL, self->fd, bad[i][0], bad[i][1]);
	unchanged(_metadata, &before);
}

TEST_F(dax, files_of_scan)
{
	struct daxlease_stats before;
	int fd, pipes[2];

	ASSERT_EQ(0, lease_stats(&before));
	EXPECT_SCAN(-EBADF, -1, 0, 0);
	EXPECT_SCAN(-EBADF, -100, 0, 0);
	EXPECT_SCAN(-EBADF, 1 << 30, 0, 0);
	fd = open(self->path, O_PATH);
	ASSERT_LE(0, fd);
	EXPECT_SCAN(-EBADF, fd, 0, 0);
	close(fd);
	EXPECT_SCAN(-EBADF, fd, 0, 0);

	fd = open(self->dir, O_RDONLY | O_DIRECTORY);
	ASSERT_LE(0, fd);
	EXPECT_SCAN(-EOPNOTSUPP, fd, 0, 0);
	close(fd);
	/* Not in DAX mode. */
	fd = open("/proc/self/exe", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_SCAN(-EOPNOTSUPP, fd, 0, 0);
	close(fd);
	fd = memfd_create("scan", 0);
	ASSERT_LE(0, fd);
	EXPECT_SCAN(-EOPNOTSUPP, fd, 0, 0);
	close(fd);
	ASSERT_EQ(0, pipe(pipes));
	EXPECT_SCAN(-EOPNOTSUPP, pipes[0], 0, 0);
	EXPECT_SCAN(-EOPNOTSUPP, self->lease, 0, 0);
	EXPECT_SCAN(-EOPNOTSUPP, self->dev, 0, 0);
	unchanged(_metadata, &before);
}

/* A bad range of a bad file: the range comes first. */
TEST_F(dax, order_of_errors_of_scan)
{
	EXPECT_SCAN(-EINVAL, -1, ~0ULL, 1);
}

TEST_F(dax, buffer_of_scan)
{
	struct daxlease_scan scan = {
		.size = sizeof(scan), .fd = self->fd, .buf_len = PAGE_SZ
	};

	/* Nothing to tell, so the buffer does not matter. */
	EXPECT_EQ(0, ioctl(self->lease, DAXLEASE_SCAN, &scan));
	EXPECT_EQ(0, scan.used);
	acquire_whole();
	EXPECT_EQ(-1, ioctl(self->lease, DAXLEASE_SCAN, &scan));
	EXPECT_EQ(EFAULT, errno);
	scan.buf = (uintptr_t)records;
	for (__u32 len = 8; len <= sizeof(struct daxlease_lease_record); len += 8) {
		scan.buf_len = len;
		EXPECT_EQ(-1, ioctl(self->lease, DAXLEASE_SCAN, &scan));
		EXPECT_EQ(EINVAL, errno);
	}
	/* What does not touch the range needs no room. */
	ASSERT_EQ(0, lease_release(self->lease));
	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, PAGE_SZ, PAGE_SZ, NULL));
	scan.length = PAGE_SZ;
	EXPECT_EQ(0, ioctl(self->lease, DAXLEASE_SCAN, &scan));
	EXPECT_EQ(0, scan.used);
	/* A cursor that never was. */
	scan.length = 0;
	scan.buf_len = sizeof(records);
	scan.lease_cursor = ~0ULL;
	EXPECT_EQ(0, ioctl(self->lease, DAXLEASE_SCAN, &scan));
	EXPECT_EQ(0, scan.used);
	scan.pin_cursor = ~0ULL;
	EXPECT_EQ(0, ioctl(self->lease, DAXLEASE_SCAN, &scan));
	EXPECT_EQ(0, scan.used);
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
