// SPDX-License-Identifier: GPL-2.0
/* read() of events with something wrong: its errno, and no event is lost. */
#include "dax_fixture.h"
#include "event.h"

#include <sys/syscall.h>
#include <sys/uio.h>

#define EVENT_SIZE	sizeof(struct daxlease_event)

static char *page;

/* Of addresses that are none the compiler would rather not hear. */
static long get(int lease, void *buf, size_t len)
{
	long ret = syscall(SYS_read, lease, buf, len);

	return ret < 0 ? -errno : ret;
}

/* A page, and behind it one that can only be read. */
static void set_up(struct __test_metadata *_metadata, struct dax_test *self)
{
	page = mmap(NULL, 2 * PAGE_SZ, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, mprotect(page + PAGE_SZ, PAGE_SZ, PROT_READ));
	ASSERT_EQ(0, lease_set_nonblock(self->lease, true));
}

/* One event more: a pin that comes and goes. */
static void make_event(struct __test_metadata *_metadata, struct dax_test *self)
{
	uint32_t id;

	ASSERT_EQ(0, pin_pages(0, 1, 0, &id));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
}

TEST_F(dax, without_a_lease)
{
	set_up(_metadata, self);
	EXPECT_EQ(-ENOENT, get(self->lease, page, PAGE_SZ));
	/* Also where it would wait. */
	ASSERT_EQ(0, lease_set_nonblock(self->lease, false));
	EXPECT_EQ(-ENOENT, get(self->lease, page, PAGE_SZ));
	/* What is too short is so in any case. */
	EXPECT_EQ(-EINVAL, get(self->lease, page, EVENT_SIZE - 1));

	/* Nor any more after RELEASE, whatever there was to be read. */
	acquire_whole();
	make_event(_metadata, self);
	ASSERT_EQ(0, lease_release(self->lease));
	EXPECT_EQ(-ENOENT, get(self->lease, page, PAGE_SZ));
	EXPECT_FALSE(event_pending(self->lease));
	/* The next one begins without any. */
	acquire_whole();
	ASSERT_EQ(0, lease_set_nonblock(self->lease, true));
	EXPECT_EQ(-EAGAIN, get(self->lease, page, PAGE_SZ));
}

TEST_F(dax, short_buffers)
{
	set_up(_metadata, self);
	acquire_whole();
	for (size_t len = 0; len < EVENT_SIZE; len++)
		ASSERT_EQ(-EINVAL, get(self->lease, page, len));
	EXPECT_EQ(-EAGAIN, get(self->lease, page, EVENT_SIZE));
	make_event(_metadata, self);
	for (size_t len = 0; len < EVENT_SIZE; len++)
		ASSERT_EQ(-EINVAL, get(self->lease, page, len));
	/* Whole events only. */
	EXPECT_EQ(EVENT_SIZE, get(self->lease, page, 2 * EVENT_SIZE - 1));
	EXPECT_EQ(-EAGAIN, get(self->lease, page, EVENT_SIZE));
}

TEST_F(dax, addresses)
{
	struct daxlease_event event;

	set_up(_metadata, self);
	acquire_whole();
	make_event(_metadata, self);
	EXPECT_EQ(-EFAULT, get(self->lease, NULL, PAGE_SZ));
	EXPECT_EQ(-EFAULT, get(self->lease, (void *)-8L, PAGE_SZ));
	EXPECT_EQ(-EFAULT, get(self->lease, (void *)(1UL << 63), PAGE_SZ));
	EXPECT_EQ(-EFAULT, get(self->lease, page + PAGE_SZ, PAGE_SZ));
	/* At each byte of it. */
	for (size_t fit = 0; fit < EVENT_SIZE; fit++)
		ASSERT_EQ(-EFAULT, get(self->lease, page + PAGE_SZ - fit, PAGE_SZ));
	/* It is still there, and once. */
	EXPECT_EQ(EVENT_SIZE, get(self->lease, page + PAGE_SZ - EVENT_SIZE, PAGE_SZ));
	memcpy(&event, page + PAGE_SZ - EVENT_SIZE, EVENT_SIZE);
	EXPECT_EQ(DAXLEASE_EVENT_DRAINED, event.type);
	EXPECT_EQ(-EAGAIN, get(self->lease, page, PAGE_SZ));
}

/* In pieces, and in pieces of which one is bad. */
TEST_F(dax, vectors)
{
	struct daxlease_event event;
	struct iovec iov[3];

	set_up(_metadata, self);
	acquire_whole();
	make_event(_metadata, self);
	iov[0] = (struct iovec) { page, 3 };
	iov[1] = (struct iovec) { page + 64, EVENT_SIZE - 4 };
	EXPECT_EQ(-1, readv(self->lease, iov, 2));
	EXPECT_EQ(EINVAL, errno);
	iov[2] = (struct iovec) { page + PAGE_SZ, PAGE_SZ };
	EXPECT_EQ(-1, readv(self->lease, iov, 3));
	EXPECT_EQ(EFAULT, errno);
	iov[2] = (struct iovec) { page + 3 + EVENT_SIZE, 5 };
	iov[1].iov_base = page + 3;
	EXPECT_EQ(EVENT_SIZE, readv(self->lease, iov, 3));
	memcpy(page + EVENT_SIZE - 1, page + 3 + EVENT_SIZE, 1);
	memcpy(&event, page, EVENT_SIZE);
	EXPECT_EQ(EVENT_SIZE, event.size);
	EXPECT_EQ(DAXLEASE_EVENT_DRAINED, event.type);
	EXPECT_EQ(0, event.reserved);
}

TEST_F(dax, not_open_for_it)
{
	int lease = open(LEASE_DEV, O_WRONLY | O_CLOEXEC);

	set_up(_metadata, self);
	ASSERT_LE(0, lease);
	ASSERT_EQ(0, lease_acquire(lease, self->fd, 0, 0, NULL));
	make_event(_metadata, self);
	EXPECT_EQ(-EBADF, get(lease, page, PAGE_SZ));
	/* That there is one can be seen all the same. */
	EXPECT_TRUE(event_pending(lease));
	EXPECT_EQ(-1, write(lease, page, PAGE_SZ));
	EXPECT_EQ(EINVAL, errno);
	close(lease);
	EXPECT_EQ(-EBADF, get(lease, page, PAGE_SZ));
}

TEST_HARNESS_MAIN
