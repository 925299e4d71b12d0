// SPDX-License-Identifier: GPL-2.0
/* Which buffers a ring may register, what is accounted for, and giving it back. */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "huge_file.h"
#include "uring.h"

#include <linux/falloc.h>

#define SEED_OTHER	7

#define open_or_skip(ring) do {						\
	if (uring_missing())						\
		SKIP(return, "io_uring: %s", uring_missing());		\
	ASSERT_EQ(0, uring_open(ring));					\
} while (0)

/* So many pages are pinned, by each count that there is. */
#define expect_pinned(pages) do {					\
	EXPECT_EQ(pages, lease_pinned_pages());				\
	EXPECT_TRUE(wait_foll_pins(self->foll_pins + (pages)));		\
} while (0)

#define expect_refused(err, ring, addr, len) do {			\
	EXPECT_EQ(err, uring_reg(ring, addr, len));			\
	expect_pinned(0);						\
} while (0)

static char *anonymous(struct __test_metadata *_metadata, size_t len)
{
	char *anon = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, anon);
	memset(anon, 0x11, len);
	return anon;
}

static struct lease_view view_file(struct __test_metadata *_metadata, struct dax_test *self)
{
	struct lease_view view;
	struct stat st;

	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	return view;
}

TEST_F(dax, without_a_lease)
{
	struct io_uring ring;

	open_or_skip(&ring);
	expect_refused(-EOPNOTSUPP, &ring, self->map, FILE_SIZE);
	expect_refused(-EOPNOTSUPP, &ring, self->map, 1);
	io_uring_queue_exit(&ring);
}

TEST_F(dax, not_a_holder)
{
	struct io_uring ring;
	struct peer holder;

	open_or_skip(&ring);
	ASSERT_EQ(0, peer_start(&holder));
	ASSERT_EQ(0, peer_open(&holder, self->path));
	ASSERT_EQ(0, peer_acquire(&holder, 0, 0));
	expect_refused(-EOPNOTSUPP, &ring, self->map, PAGE_SZ);
	peer_stop(&holder);
	io_uring_queue_exit(&ring);
}

TEST_F(dax, what_a_lease_does_not_allow)
{
	struct io_uring ring;
	char *map;

	open_or_skip(&ring);
	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 0, 4 * PAGE_SZ, NULL));
	/* Beyond it, with pages that were pinned already on the way there. */
	expect_refused(-EOPNOTSUPP, &ring, page_of(self->map, 4), PAGE_SZ);
	expect_refused(-EOPNOTSUPP, &ring, page_of(self->map, 2), 4 * PAGE_SZ);
	map = mmap(NULL, PAGE_SZ, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	expect_refused(-EOPNOTSUPP, &ring, map, PAGE_SZ);
	map = file_map(self->fd, PAGE_SZ, PROT_READ);
	ASSERT_NE(NULL, map);
	expect_refused(-EFAULT, &ring, map, PAGE_SZ);
	/* After all that it still works. */
	EXPECT_EQ(0, uring_reg(&ring, self->map, 4 * PAGE_SZ));
	expect_pinned(4);
	io_uring_queue_exit(&ring);
}

TEST_F(dax, attribution)
{
	char comm[16] = { 0 }, path[64];
	struct lease_view view;
	struct io_uring ring;

	open_or_skip(&ring);
	acquire_whole();
	ASSERT_EQ(0, uring_reg(&ring, page_of(self->map, 2), 3 * PAGE_SZ));
	view = view_file(_metadata, self);
	ASSERT_EQ(1, view.pins);
	EXPECT_EQ(1, view.lease.pins);
	EXPECT_EQ(3, view.lease.pinned_pages);
	EXPECT_EQ(DAXLEASE_PIN_IO_URING, view.pin[0].kind);
	EXPECT_STREQ("io_uring", view.pin[0].owner);
	ASSERT_EQ(0, fd_path(ring.ring_fd, path, sizeof(path)));
	EXPECT_STREQ(path, view.pin[0].owner_file);
	EXPECT_EQ(getpid(), view.pin[0].pid);
	EXPECT_EQ(getuid(), view.pin[0].uid);
	read_text("/proc/self/comm", comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = 0;
	EXPECT_STREQ(comm, view.pin[0].comm);
	EXPECT_EQ(3, view.pin[0].pages);
	EXPECT_EQ(2 * PAGE_SZ, view.pin[0].start);
	EXPECT_EQ(5 * PAGE_SZ, view.pin[0].end);
	EXPECT_EQ(1, view.pin[0].runs);
	/* A buffer can be read into as well as written from. */
	EXPECT_EQ(DAXLEASE_PIN_WRITABLE, view.pin[0].flags);
	io_uring_queue_exit(&ring);
}

TEST_F(dax, changes_while_it_is_registered)
{
	struct change c = change_of(self->path, NULL, PAGE_SZ, PAGE_SZ);
	struct io_uring ring;

	open_or_skip(&ring);
	acquire_whole();
	ASSERT_EQ(0, uring_reg(&ring, self->map, FILE_SIZE));
	expect_pinned(FILE_PAGES);
	EXPECT_EQ(-ETXTBSY, in_child(change_truncate, &c, sizeof(c)));
	EXPECT_EQ(-ETXTBSY, in_child(change_punch, &c, sizeof(c)));
	EXPECT_EQ(-ETXTBSY, in_child(change_open_trunc, &c, sizeof(c)));
	EXPECT_EQ(-EDEADLK, change_punch(&c));
	EXPECT_EQ(-EDEADLK, change_truncate(&c));
	EXPECT_EQ(0, in_child(change_append, &c, sizeof(c)));

	ASSERT_EQ(0, io_uring_unregister_buffers(&ring));
	expect_pinned(0);
	EXPECT_EQ(0, change_punch(&c));
	ASSERT_EQ(0, lease_release(self->lease));
	EXPECT_EQ(0, in_child(change_truncate, &c, sizeof(c)));
	io_uring_queue_exit(&ring);
}

/* A layout change that the ring itself is asked to do. */
TEST_F(dax, changes_by_the_ring)
{
	struct io_uring_sqe *sqe;
	struct io_uring ring;

	open_or_skip(&ring);
	acquire_whole();
	ASSERT_EQ(0, uring_reg(&ring, self->map, 4 * PAGE_SZ));
	for (int page = 3; page < 5; page++) {
		sqe = io_uring_get_sqe(&ring);
		io_uring_prep_fallocate(sqe, self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					page * PAGE_SZ, PAGE_SZ);
		ASSERT_EQ(1, io_uring_submit(&ring));
		EXPECT_EQ(page < 4 ? -EDEADLK : 0, uring_result(&ring));
	}
	io_uring_queue_exit(&ring);
}

TEST_F(dax, not_whole_pages)
{
	struct io_uring ring;

	open_or_skip(&ring);
	acquire_whole();
	ASSERT_EQ(0, uring_reg(&ring, self->map + 100, PAGE_SZ));
	expect_pinned(2);
	io_uring_queue_exit(&ring);
}

TEST_F(dax, again_and_again)
{
	struct daxlease_stats before, after;
	struct io_uring ring;

	open_or_skip(&ring);
	acquire_whole();
	ASSERT_EQ(0, lease_stats(&before));
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, uring_reg(&ring, self->map, (1 + i % FILE_PAGES) * PAGE_SZ));
		ASSERT_EQ(1 + i % FILE_PAGES, lease_pinned_pages());
		ASSERT_EQ(0, io_uring_unregister_buffers(&ring));
		ASSERT_EQ(0, lease_pinned_pages());
	}
	ASSERT_EQ(0, lease_stats(&after));
	/* Pages that are not mapped yet take a batch of their own. */
	EXPECT_LE(before.pinned + 100, after.pinned);
	EXPECT_EQ(before.pin_refused, after.pin_refused);
	expect_pinned(0);
	io_uring_queue_exit(&ring);
}

/* Buffers of one table are pins of their own. */
TEST_F(dax, updates)
{
	struct io_uring ring;

	open_or_skip(&ring);
	acquire_whole();
	ASSERT_EQ(0, io_uring_register_buffers_sparse(&ring, 4));
	expect_pinned(0);
	ASSERT_EQ(0, uring_update(&ring, 0, self->map, 2 * PAGE_SZ));
	ASSERT_EQ(0, uring_update(&ring, 2, page_of(self->map, 1), 4 * PAGE_SZ));
	expect_pinned(6);
	EXPECT_EQ(2, view_file(_metadata, self).pins);
	/* In place of the first one; then of nothing at all. */
	ASSERT_EQ(0, uring_update(&ring, 0, page_of(self->map, 8), PAGE_SZ));
	expect_pinned(5);
	ASSERT_EQ(0, uring_update(&ring, 2, anonymous(_metadata, PAGE_SZ), PAGE_SZ));
	EXPECT_EQ(1, lease_pinned_pages());
	ASSERT_EQ(0, uring_update(&ring, 0, NULL, 0));
	EXPECT_EQ(0, lease_pinned_pages());
	EXPECT_EQ(0, view_file(_metadata, self).pins);
	io_uring_queue_exit(&ring);
}

TEST_F(dax, update_that_is_refused)
{
	struct iovec iov[3] = {
		{ page_of(self->map, 4), 2 * PAGE_SZ },
		{ page_of(self->map, 7), 2 * PAGE_SZ },
		{ page_of(self->map, 5), 2 * PAGE_SZ },
	};
	struct lease_view view;
	struct io_uring ring;

	open_or_skip(&ring);
	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 0, 8 * PAGE_SZ, NULL));
	ASSERT_EQ(0, io_uring_register_buffers_sparse(&ring, 3));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, uring_update(&ring, i, page_of(self->map, i), PAGE_SZ));
	EXPECT_EQ(-EOPNOTSUPP, uring_update(&ring, 1, page_of(self->map, 7), 2 * PAGE_SZ));
	expect_pinned(3);
	/* One is replaced, the second one is refused, and so it stays as it was. */
	EXPECT_EQ(1, io_uring_register_buffers_update_tag(&ring, 0, iov, NULL, 3));
	expect_pinned(4);
	view = view_file(_metadata, self);
	ASSERT_EQ(3, view.pins);
	EXPECT_EQ(PAGE_SZ, view.pin[0].start);
	EXPECT_EQ(2 * PAGE_SZ, view.pin[1].start);
	EXPECT_EQ(4 * PAGE_SZ, view.pin[2].start);
	io_uring_queue_exit(&ring);
}

/* Several buffers, one of them not allowed: none is registered. */
TEST_F(dax, table_of_which_one_is_refused)
{
	char *anon = anonymous(_metadata, 4 * PAGE_SZ);
	struct iovec iov[5] = {
		{ self->map, 2 * PAGE_SZ },
		{ anon, 4 * PAGE_SZ },
		{ page_of(self->map, 4), 4 * PAGE_SZ },
		{ page_of(self->map, 6), PAGE_SZ },
		{ page_of(self->map, 7), 2 * PAGE_SZ },
	};
	struct io_uring ring;

	open_or_skip(&ring);
	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 0, 8 * PAGE_SZ, NULL));
	EXPECT_EQ(-EOPNOTSUPP, io_uring_register_buffers(&ring, iov, 5));
	expect_pinned(0);
	iov[4].iov_base = (void *)PAGE_SZ;
	EXPECT_EQ(-EFAULT, io_uring_register_buffers(&ring, iov, 5));
	expect_pinned(0);
	EXPECT_EQ(0, io_uring_register_buffers(&ring, iov, 4));
	EXPECT_EQ(7, lease_pinned_pages());
	EXPECT_EQ(3, view_file(_metadata, self).pins);
	io_uring_queue_exit(&ring);
}

/* What else a ring pins has no business in a file. */
TEST_F(dax, memory_of_the_ring_itself)
{
	struct io_uring_params p = { 0 };
	struct io_uring ring;

	if (uring_missing())
		SKIP(return, "io_uring: %s", uring_missing());
	acquire_whole();
	EXPECT_EQ(-EOPNOTSUPP, io_uring_queue_init_mem(4, &ring, &p, self->map, FILE_SIZE));
	expect_pinned(0);
}

/* All of a 2 MiB folio is one piece to io_uring, and is immovable by one page. */
TEST_F(dax, huge_folio)
{
	struct io_uring ring;
	struct huge h;
	int fd;

	if (!prepare(_metadata, self, &h))
		SKIP(return, "no aligned 2 MiB of blocks");
	open_or_skip(&ring);
	fd = file_create("/tmp/uring-huge", HUGE_SZ, SEED_OTHER);
	ASSERT_LE(0, fd);
	unlink("/tmp/uring-huge");
	ASSERT_EQ(0, lease_acquire(self->lease, h.fd, 0, 0, NULL));
	ASSERT_EQ(0, uring_reg(&ring, page_of(h.map, 7), PAGE_SZ));
	if (lease_pinned_pages() == 1) {
		io_uring_queue_exit(&ring);
		SKIP(return, "the kernel did not map a 2 MiB folio");
	}
	EXPECT_EQ(HUGE_PAGES, lease_pinned_pages());
	EXPECT_EQ(-1, fallocate(h.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				h.off + HUGE_SZ - PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(EDEADLK, errno);
	ASSERT_EQ(0, io_uring_unregister_buffers(&ring));
	expect_pinned(0);

	/* Whole: the references are put together, the account is the same. */
	ASSERT_EQ(0, uring_reg(&ring, h.map, HUGE_SZ));
	EXPECT_EQ(HUGE_PAGES, lease_pinned_pages());
	ASSERT_EQ(0, uring_read(&ring, (struct uring_io){ fd, 0, h.map, HUGE_SZ, 0 }));
	for (size_t off = 0; off < HUGE_SZ; off += PAGE_SZ)
		ASSERT_TRUE(pattern_match(h.map + off, PAGE_SZ, off, SEED_OTHER));
	EXPECT_EQ(-1, fallocate(h.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				h.off + HUGE_SZ - PAGE_SZ, PAGE_SZ));
	EXPECT_EQ(EDEADLK, errno);
	ASSERT_EQ(0, io_uring_unregister_buffers(&ring));
	/* A request keeps its buffer for a moment beyond its completion. */
	ASSERT_TRUE(wait_leases(1, 0));
	expect_pinned(0);
	EXPECT_EQ(0, ftruncate(h.fd, h.off + PAGE_SZ));
	io_uring_queue_exit(&ring);
}

TEST_HARNESS_MAIN
