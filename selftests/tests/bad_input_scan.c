// SPDX-License-Identifier: GPL-2.0
/* SCAN of what cannot be scanned, into what is no buffer. */
#include "dax_fixture.h"
#include "scan.h"

static char records[PAGE_SZ];

static void unchanged(struct __test_metadata *_metadata, const struct daxlease_stats *before)
{
	struct daxlease_stats after;

	ASSERT_EQ(0, lease_stats(&after));
	EXPECT_EQ(0, memcmp(before, &after, sizeof(after)));
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

TEST_HARNESS_MAIN
