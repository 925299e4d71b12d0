// SPDX-License-Identifier: GPL-2.0
/* FORCE and OPENERS with something wrong: its errno, and nobody has lost anything. */
#include "dax_fixture.h"

#include <stdbool.h>

#define PINNED	2

static int force(int lease, const struct daxlease_force *args)
{
	struct daxlease_force copy = *args;

	return ioctl(lease, DAXLEASE_FORCE, &copy) ? -errno : 0;
}

/* A lease of the whole file, with a page that FORCE would take back. */
static void set_up(struct __test_metadata *_metadata, struct dax_test *self, uint32_t *id)
{
	acquire_whole();
	ASSERT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE | TESTDEV_PIN_REVOCABLE, id));
}

/* The device still writes. */
#define EXPECT_PINNED(id) \
	EXPECT_EQ(0, testdev_write(self->dev, id, 0, "w", 1))

#define EXPECT_FORCE(ret, ...) do {						\
	struct daxlease_force __args = { .size = sizeof(__args), .fd = self->fd }; \
										\
	__VA_ARGS__;								\
	EXPECT_EQ(ret, force(self->lease, &__args));				\
	EXPECT_PINNED(id);							\
} while (0)

TEST_F(dax, members_of_force)
{
	uint32_t id;

	set_up(_metadata, self, &id);
	for (int bit = 1; bit < 32; bit++)
		EXPECT_FORCE(-EINVAL, __args.flags = 1U << bit);
	EXPECT_FORCE(-EINVAL, __args.reserved = 1);
	EXPECT_FORCE(-EINVAL, __args.reserved = 1U << 31);
}

TEST_F(dax, ranges_of_force)
{
	static const __u64 bad[][2] = {
		{ 0, ~0ULL },
		{ 0, 1ULL << 63 },
		{ 1, (1ULL << 63) - 1 },
		{ (1ULL << 63) - 1, 1 },
		{ 1ULL << 63, 0 },
		{ ~0ULL, 0 },
		{ ~0ULL, 1 },
		{ ~0ULL, ~0ULL },
		{ 0ULL - PAGE_SZ, 2 * PAGE_SZ },
	};
	uint32_t id;

	set_up(_metadata, self, &id);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_FORCE(-EINVAL, __args.offset = bad[i][0], __args.length = bad[i][1]);
	/* Before and behind the page. */
	EXPECT_FORCE(0, __args.length = PINNED * PAGE_SZ);
	EXPECT_FORCE(0, __args.offset = (PINNED + 1) * PAGE_SZ);
	EXPECT_FORCE(0, __args.offset = (1ULL << 63) - 2, __args.length = 1);
}

TEST_F(dax, files_of_force)
{
	int path, dir, exe, mem, pipes[2];
	uint32_t id;

	set_up(_metadata, self, &id);
	EXPECT_FORCE(-EBADF, __args.fd = -1);
	EXPECT_FORCE(-EBADF, __args.fd = -100);
	EXPECT_FORCE(-EBADF, __args.fd = 1 << 30);
	path = open(self->path, O_PATH);
	ASSERT_LE(0, path);
	EXPECT_FORCE(-EBADF, __args.fd = path);
	close(path);
	EXPECT_FORCE(-EBADF, __args.fd = path);
	dir = open(self->dir, O_RDONLY | O_DIRECTORY);
	ASSERT_LE(0, dir);
	EXPECT_FORCE(-EOPNOTSUPP, __args.fd = dir);
	exe = open("/proc/self/exe", O_RDONLY);
	ASSERT_LE(0, exe);
	EXPECT_FORCE(-EOPNOTSUPP, __args.fd = exe);
	mem = memfd_create("force", 0);
	ASSERT_LE(0, mem);
	EXPECT_FORCE(-EOPNOTSUPP, __args.fd = mem);
	ASSERT_EQ(0, pipe(pipes));
	EXPECT_FORCE(-EOPNOTSUPP, __args.fd = pipes[0]);
	EXPECT_FORCE(-EOPNOTSUPP, __args.fd = self->lease);
	EXPECT_FORCE(-EOPNOTSUPP, __args.fd = self->dev);
	/* Open for reading is enough: the file itself is left alone. */
	path = open(self->path, O_RDONLY);
	ASSERT_LE(0, path);
	EXPECT_FORCE(0, __args.fd = path, __args.length = 1);
}

/* Where the answer cannot be written, it has been done all the same. */
TEST_F(dax, answer_of_force)
{
	struct daxlease_force *args;
	struct lease_view view;
	struct stat st;
	uint32_t id;

	set_up(_metadata, self, &id);
	args = mmap(NULL, PAGE_SZ, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, args);
	*args = (struct daxlease_force) { .size = sizeof(*args), .fd = self->fd };
	ASSERT_EQ(0, mprotect(args, PAGE_SZ, PROT_READ));
	EXPECT_EQ(-1, ioctl(self->lease, DAXLEASE_FORCE, args));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-EKEYREVOKED, testdev_write(self->dev, id, 0, "w", 1));
	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	EXPECT_EQ(0, view.lease.pins);
}

static int openers(int lease, uint64_t pin, void *buf, uint32_t len)
{
	struct daxlease_openers args = {
		.size = sizeof(args), .pin = pin, .buf = (uintptr_t)buf, .buf_len = len,
	};

	return ioctl(lease, DAXLEASE_OPENERS, &args) ? -errno : (int)args.count;
}

TEST_F(dax, openers)
{
	struct lease_view view;
	uint64_t pin, lease;
	struct stat st;
	int32_t *pids;
	uint32_t id;

	set_up(_metadata, self, &id);
	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	ASSERT_EQ(1, view.pins);
	pin = view.pin[0].id;
	lease = view.lease.id;
	EXPECT_EQ(-ENOENT, openers(self->lease, 0, NULL, 0));
	EXPECT_EQ(-ENOENT, openers(self->lease, pin + 1, NULL, 0));
	EXPECT_EQ(-ENOENT, openers(self->lease, lease, NULL, 0));
	EXPECT_EQ(-ENOENT, openers(self->lease, ~0ULL, NULL, 0));
	/* No pin comes before a bad buffer. */
	EXPECT_EQ(-ENOENT, openers(self->lease, 0, (void *)8, 4));

	/* One number fits, and it may be at the end of all memory. */
	pids = mmap(NULL, 2 * PAGE_SZ, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, pids);
	ASSERT_EQ(0, mprotect((char *)pids + PAGE_SZ, PAGE_SZ, PROT_READ));
	pids += PAGE_SZ / sizeof(*pids) - 1;
	EXPECT_EQ(1, openers(self->lease, pin, pids, sizeof(*pids)));
	EXPECT_EQ(getpid(), *pids);
	EXPECT_EQ(-EFAULT, openers(self->lease, pin, (char *)pids + 1, sizeof(*pids)));
	EXPECT_EQ(-EFAULT, openers(self->lease, pin, pids + 1, sizeof(*pids)));
	EXPECT_EQ(-EFAULT, openers(self->lease, pin, (void *)8, sizeof(*pids)));
	EXPECT_EQ(-EFAULT, openers(self->lease, pin, (void *)-8L, UINT32_MAX));
	/* What is too short for one is none. */
	*pids = -1;
	EXPECT_EQ(1, openers(self->lease, pin, pids, sizeof(*pids) - 1));
	EXPECT_EQ(-1, *pids);
	EXPECT_EQ(1, openers(self->lease, pin, NULL, 3));
	EXPECT_PINNED(id);
}

TEST_HARNESS_MAIN
