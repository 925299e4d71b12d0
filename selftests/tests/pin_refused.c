// SPDX-License-Identifier: GPL-2.0
/* What must not be pinned, and that a refusal leaves nothing behind. */
#include "actor.h"
#include "dax_fixture.h"

#include <pthread.h>
#include "mm/gup_test.h"

#define GUP_TEST	"/sys/kernel/debug/gup_test"

static uint64_t refused(void)
{
	struct daxlease_stats stats;

	return lease_stats(&stats) ? 0 : stats.pin_refused;
}

#define expect_refused(err, ...) do {				\
	EXPECT_EQ(err, testdev_pin(self->dev, __VA_ARGS__));	\
	EXPECT_EQ(0, lease_pinned_pages());			\
	EXPECT_TRUE(wait_foll_pins(self->foll_pins));		\
} while (0)

TEST_F(dax, without_lease)
{
	uint32_t id;

	expect_refused(-EOPNOTSUPP, self->map, 1, TESTDEV_PIN_WRITE, &id);
	expect_refused(-EOPNOTSUPP, self->map, FILE_PAGES, 0, &id);
}

TEST_F(dax, refusal_is_counted)
{
	uint64_t before;
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, lease_release(self->lease));
	before = refused();
	expect_refused(-EOPNOTSUPP, self->map, 1, TESTDEV_PIN_WRITE, &id);
	EXPECT_LT(before, refused());
}

TEST_F(dax, not_holder)
{
	struct peer holder;
	uint32_t id;

	ASSERT_EQ(0, peer_start(&holder));
	ASSERT_EQ(0, peer_open(&holder, self->path));
	ASSERT_EQ(0, peer_acquire(&holder, 0, 0));
	expect_refused(-EOPNOTSUPP, self->map, 1, TESTDEV_PIN_WRITE, &id);
	expect_refused(-EOPNOTSUPP, self->map, 1, 0, &id);
	peer_stop(&holder);
}

TEST_F(dax, range_not_covered)
{
	uint32_t id;

	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 4 * PAGE_SZ, 4 * PAGE_SZ, NULL));
	expect_refused(-EOPNOTSUPP, page_of(self->map, 3), 1, TESTDEV_PIN_WRITE, &id);
	expect_refused(-EOPNOTSUPP, page_of(self->map, 8), 1, TESTDEV_PIN_WRITE, &id);
	expect_refused(-EOPNOTSUPP, page_of(self->map, 3), 2, TESTDEV_PIN_WRITE, &id);
	expect_refused(-EOPNOTSUPP, page_of(self->map, 7), 2, TESTDEV_PIN_WRITE, &id);
	expect_refused(-EOPNOTSUPP, self->map, FILE_PAGES, TESTDEV_PIN_WRITE, &id);
	EXPECT_EQ(0, pin_pages(4, 4, TESTDEV_PIN_WRITE, &id));
}

TEST_F(dax, lease_of_another_file)
{
	char path[PATH_LEN];
	uint32_t id;
	int fd;

	other_path(path, "other");
	fd = file_create(path, FILE_SIZE, 2);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, lease_acquire(self->lease, fd, 0, 0, NULL));
	expect_refused(-EOPNOTSUPP, self->map, 1, TESTDEV_PIN_WRITE, &id);
}

TEST_F(dax, private_mapping)
{
	uint32_t id;
	char *map;

	acquire_whole();
	map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	expect_refused(-EOPNOTSUPP, map, 1, 0, &id);
	expect_refused(-EOPNOTSUPP, map, 1, TESTDEV_PIN_WRITE, &id);
	/* With a page that was copied, too. */
	map[0] = 1;
	expect_refused(-EOPNOTSUPP, map, 2, TESTDEV_PIN_WRITE, &id);
}

TEST_F(dax, read_only_mapping)
{
	uint32_t id;
	char *map;

	acquire_whole();
	map = file_map(self->fd, FILE_SIZE, PROT_READ);
	ASSERT_NE(NULL, map);
	expect_refused(-EFAULT, map, 1, 0, &id);
	expect_refused(-EFAULT, map, 1, TESTDEV_PIN_WRITE, &id);
}

TEST_F(dax, read_only_file)
{
	uint32_t id;
	char *map;
	int fd;

	acquire_whole();
	fd = open(self->path, O_RDONLY);
	ASSERT_LE(0, fd);
	map = file_map(fd, FILE_SIZE, PROT_READ);
	ASSERT_NE(NULL, map);
	expect_refused(-EFAULT, map, 1, 0, &id);
}

TEST_F(dax, unmapped_address)
{
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, munmap(page_of(self->map, 8), PAGE_SZ));
	expect_refused(-EFAULT, page_of(self->map, 8), 1, TESTDEV_PIN_WRITE, &id);
	expect_refused(-EFAULT, page_of(self->map, 6), 4, TESTDEV_PIN_WRITE, &id);
}

TEST_F(dax, behind_the_end_of_file)
{
	uint32_t id;
	char *map;

	acquire_whole();
	map = file_map(self->fd, FILE_SIZE + 4 * PAGE_SZ, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	expect_refused(-EFAULT, page_of(map, FILE_PAGES), 1, TESTDEV_PIN_WRITE, &id);
	expect_refused(-EFAULT, page_of(map, FILE_PAGES - 1), 2, 0, &id);
}

TEST_F(dax, after_release)
{
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(0, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	ASSERT_EQ(0, lease_release(self->lease));
	expect_refused(-EOPNOTSUPP, self->map, 1, TESTDEV_PIN_WRITE, &id);
}

TEST_F(dax, after_close)
{
	uint32_t id;

	acquire_whole();
	close(self->lease);
	ASSERT_TRUE(wait_leases(0, 0));
	expect_refused(-EOPNOTSUPP, self->map, 1, TESTDEV_PIN_WRITE, &id);
}

/* It pins for long and cannot say whom to charge. */
TEST_F(dax, subsystem_not_lease_aware)
{
	struct pin_longterm_test test = {
		.addr	= (uintptr_t)self->map,
		.size	= PAGE_SZ,
		.flags	= PIN_LONGTERM_TEST_FLAG_USE_WRITE,
	};
	int gup;

	gup = open(GUP_TEST, O_RDWR);
	if (gup < 0)
		SKIP(return, GUP_TEST ": %s", strerror(errno));
	acquire_whole();
	EXPECT_EQ(-1, ioctl(gup, PIN_LONGTERM_TEST_START, &test));
	EXPECT_EQ(EOPNOTSUPP, errno);
	test.flags |= PIN_LONGTERM_TEST_FLAG_USE_FAST;
	EXPECT_EQ(-1, ioctl(gup, PIN_LONGTERM_TEST_START, &test));
	EXPECT_EQ(EOPNOTSUPP, errno);
	close(gup);
	EXPECT_TRUE(wait_foll_pins(self->foll_pins));
}

/* The other side of it: what all of the above leave out works. */
TEST_F(dax, granted_with_a_lease)
{
	char page[PAGE_SZ], seen[PAGE_SZ];
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(3, 2, TESTDEV_PIN_WRITE, &id));
	EXPECT_EQ(2, lease_pinned_pages());
	pattern_fill(page, PAGE_SZ, 0, 77);
	ASSERT_EQ(0, testdev_write(self->dev, id, PAGE_SZ, page, PAGE_SZ));
	ASSERT_EQ((ssize_t)PAGE_SZ, pread(self->fd, seen, PAGE_SZ, 4 * PAGE_SZ));
	EXPECT_EQ(0, memcmp(page, seen, PAGE_SZ));
	ASSERT_EQ(0, testdev_read(self->dev, id, 0, seen, PAGE_SZ));
	EXPECT_TRUE(pattern_match(seen, PAGE_SZ, 3 * PAGE_SZ, FILE_SEED));
	EXPECT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, lease_pinned_pages());
}

struct thread_pin {
	int dev;
	char *map;
	int ret;
};

static void *pin_in_thread(void *arg)
{
	struct thread_pin *pin = arg;
	uint32_t id;

	pin->ret = testdev_pin(pin->dev, pin->map, 1, TESTDEV_PIN_WRITE, &id);
	return NULL;
}

TEST_F(dax, granted_in_another_thread)
{
	struct thread_pin pin = { .dev = self->dev, .map = self->map, .ret = -1 };
	pthread_t thread;

	acquire_whole();
	ASSERT_EQ(0, pthread_create(&thread, NULL, pin_in_thread, &pin));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, pin.ret);
}

TEST_HARNESS_MAIN
