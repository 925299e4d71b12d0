// SPDX-License-Identifier: GPL-2.0
/*
 * READ_FIXED and WRITE_FIXED between buffers in a leased file and other files:
 * what a ring reads into the buffer is what read(2) sees in the leased file.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "uring.h"

#define SEED	20
#define PART	4UL

/* The test's file is registered, whole. */
static void register_file(struct __test_metadata *_metadata, struct dax_test *self,
			  struct io_uring *ring)
{
	ASSERT_EQ(0, uring_open(ring));
	acquire_whole();
	ASSERT_EQ(0, uring_reg(ring, self->map, FILE_SIZE));
}

#define skip_without_uring() do {					\
	if (uring_missing())						\
		SKIP(return, "io_uring: %s", uring_missing());		\
} while (0)

/* From the other file into the buffer and back out, behind what was read. */
static void both_ways(struct __test_metadata *_metadata, struct dax_test *self,
		      struct io_uring *ring, const char *path, int flags)
{
	struct uring_io io = { .buf = self->map, .len = FILE_SIZE };

	close(file_create(path, FILE_SIZE, SEED));
	io.fd = open(path, O_RDWR | flags);
	ASSERT_LE(0, io.fd);
	ASSERT_EQ(0, uring_read(ring, io));
	EXPECT_EQ(1, file_matches(self->fd, 0, FILE_SIZE, SEED));

	/* New content by the CPU, a part of it to a place of its own. */
	pattern_fill(page_of(self->map, 4), 4 * PAGE_SZ, 0, SEED + 1);
	io.buf = page_of(self->map, 4);
	io.len = 4 * PAGE_SZ;
	io.off = FILE_SIZE;
	ASSERT_EQ(0, uring_write(ring, io));
	close(io.fd);
	io.fd = open(path, O_RDONLY);
	ASSERT_LE(0, io.fd);
	EXPECT_EQ(1, file_matches(io.fd, 0, FILE_SIZE, SEED));
	ASSERT_EQ((off_t)(FILE_SIZE + 4 * PAGE_SZ), lseek(io.fd, 0, SEEK_END));
	for (int page = 0; page < 4; page++) {
		char buf[PAGE_SZ];

		ASSERT_EQ((ssize_t)PAGE_SZ, pread(io.fd, buf, PAGE_SZ, FILE_SIZE + page * PAGE_SZ));
		EXPECT_TRUE(pattern_match(buf, PAGE_SZ, page * PAGE_SZ, SEED + 1));
	}
	close(io.fd);
	unlink(path);
}

static void with_a_file_in(struct __test_metadata *_metadata, struct dax_test *self,
			   const char *dir, int flags)
{
	struct io_uring ring;
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%.*s/uring-other", PATH_LEN - 20, dir);
	register_file(_metadata, self, &ring);
	both_ways(_metadata, self, &ring, path, flags);
	io_uring_queue_exit(&ring);
}

#define nodax_or_skip() ({						\
	const char *dir = getenv("DAXLEASE_NODAX");			\
									\
	if (!dir)							\
		SKIP(return, "DAXLEASE_NODAX is not set");		\
	dir;								\
})

TEST_F(dax, file_in_the_page_cache)
{
	skip_without_uring();
	with_a_file_in(_metadata, self, nodax_or_skip(), 0);
}

/* The block layer gets the pages of the leased file. */
TEST_F(dax, file_by_direct_io)
{
	skip_without_uring();
	with_a_file_in(_metadata, self, nodax_or_skip(), O_DIRECT);
}

TEST_F(dax, file_on_the_same_dax_filesystem)
{
	skip_without_uring();
	with_a_file_in(_metadata, self, self->dir, 0);
}

TEST_F(dax, file_on_the_same_dax_filesystem_by_direct_io)
{
	skip_without_uring();
	with_a_file_in(_metadata, self, self->dir, O_DIRECT);
}

TEST_F(dax, offsets_that_are_not_aligned)
{
	struct io_uring ring;
	char path[PATH_LEN];
	int fd;

	skip_without_uring();
	other_path(path, "other");
	fd = file_create(path, FILE_SIZE, SEED);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, uring_open(&ring));
	acquire_whole();
	ASSERT_EQ(0, uring_reg(&ring, self->map + 1000, 2 * PAGE_SZ));
	EXPECT_EQ(3, lease_pinned_pages());
	/* Out of the buffer at either end, by one byte. */
	EXPECT_EQ(-EFAULT, uring_read(&ring, (struct uring_io){ fd, 0, self->map + 999, 8, 0 }));
	EXPECT_EQ(-EFAULT, uring_read(&ring, (struct uring_io){ fd, 0,
				      self->map + 1000 + 2 * PAGE_SZ - 7, 8, 0 }));
	ASSERT_EQ(0, uring_read(&ring, (struct uring_io){ fd, 1000, self->map + 1000,
							  2 * PAGE_SZ, 0 }));
	EXPECT_EQ(1, file_matches(self->fd, 0, 1000, FILE_SEED));
	EXPECT_EQ(1, file_matches(self->fd, 1000, 2 * PAGE_SZ, SEED));
	EXPECT_EQ(1, file_matches(self->fd, 1000 + 2 * PAGE_SZ, PAGE_SZ, FILE_SEED));
	io_uring_queue_exit(&ring);
}

/* The kernel's thread submits what the holder has registered. */
TEST_F(dax, polled_submission)
{
	struct io_uring_params p = { .flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 100 };
	struct io_uring ring;
	char path[PATH_LEN];

	skip_without_uring();
	ASSERT_EQ(0, io_uring_queue_init_params(8, &ring, &p));
	acquire_whole();
	ASSERT_EQ(0, uring_reg(&ring, self->map, FILE_SIZE));
	other_path(path, "other");
	both_ways(_metadata, self, &ring, path, 0);
	io_uring_queue_exit(&ring);
}

TEST_F(dax, read_back_after_a_remount)
{
	struct io_uring ring;
	char path[PATH_LEN];
	int fd;

	skip_without_uring();
	other_path(path, "other");
	fd = file_create(path, FILE_SIZE, SEED);
	ASSERT_LE(0, fd);
	register_file(_metadata, self, &ring);
	ASSERT_EQ(0, uring_read(&ring, (struct uring_io){ fd, 0, self->map, FILE_SIZE, 0 }));
	ASSERT_EQ(0, fsync(self->fd));
	io_uring_queue_exit(&ring);
	/* The ring's end is not waited for; the release of the lease is for its pins. */
	ASSERT_EQ(0, lease_release(self->lease));
	close(fd);
	ASSERT_EQ(0, munmap(self->map, FILE_SIZE));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, fs_umount(variant->fs));
	ASSERT_EQ(0, fs_mount(variant->fs));
	fd = open(self->path, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, file_matches(fd, 0, FILE_SIZE, SEED));
}

struct mixed {
	int fd[2];
	int lease[2];
	/* Anonymous, first file, second file, anonymous. */
	char *map;
	struct io_uring ring;
};

static void mixed_make(struct __test_metadata *_metadata, struct dax_test *self, struct mixed *m)
{
	char path[PATH_LEN];

	other_path(path, "second");
	m->fd[0] = self->fd;
	m->fd[1] = file_create(path, FILE_SIZE, 2);
	ASSERT_LE(0, m->fd[1]);
	m->lease[0] = self->lease;
	m->lease[1] = lease_open();
	ASSERT_LE(0, m->lease[1]);
	m->map = mmap(NULL, 4 * PART * PAGE_SZ, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, m->map);
	for (int i = 0; i < 2; i++)
		ASSERT_NE(MAP_FAILED, mmap(page_of(m->map, (i + 1) * PART), PART * PAGE_SZ,
					   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
					   m->fd[i], 0));
	ASSERT_EQ(0, uring_open(&m->ring));
}

TEST_F(dax, one_buffer_of_anonymous_memory_and_two_files)
{
	char path[PATH_LEN];
	struct mixed m;
	int fd;

	skip_without_uring();
	mixed_make(_metadata, self, &m);
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, lease_acquire(m.lease[i], m.fd[i], 0, 0, NULL));
	ASSERT_EQ(0, uring_reg(&m.ring, m.map, 4 * PART * PAGE_SZ));
	EXPECT_EQ(2 * PART, lease_pinned_pages());

	other_path(path, "other");
	fd = file_create(path, FILE_SIZE, SEED);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, uring_read(&m.ring, (struct uring_io){ fd, 0, m.map, 4 * PART * PAGE_SZ, 0 }));
	EXPECT_TRUE(pattern_match(m.map, 4 * PART * PAGE_SZ, 0, SEED));
	for (int i = 0; i < 2; i++) {
		char buf[PART * PAGE_SZ];

		ASSERT_EQ((ssize_t)sizeof(buf), pread(m.fd[i], buf, sizeof(buf), 0));
		EXPECT_TRUE(pattern_match(buf, sizeof(buf), (i + 1) * PART * PAGE_SZ, SEED));
	}
	ASSERT_EQ(0, io_uring_unregister_buffers(&m.ring));
	EXPECT_TRUE(wait_leases(2, 0));
	EXPECT_EQ(0, lease_pinned_pages());
	EXPECT_TRUE(wait_foll_pins(self->foll_pins));
	io_uring_queue_exit(&m.ring);
}

static void refused(struct __test_metadata *_metadata, struct dax_test *self, struct mixed *m,
		    int err)
{
	EXPECT_EQ(err, uring_reg(&m->ring, m->map, 4 * PART * PAGE_SZ));
	EXPECT_EQ(0, lease_pinned_pages());
	EXPECT_TRUE(wait_foll_pins(self->foll_pins));
}

/* The error of the part that is not allowed, and nothing left of the others. */
TEST_F(dax, one_buffer_of_which_a_part_is_refused)
{
	struct mixed m;

	skip_without_uring();
	mixed_make(_metadata, self, &m);
	refused(_metadata, self, &m, -EOPNOTSUPP);
	ASSERT_EQ(0, lease_acquire(m.lease[0], m.fd[0], 0, 0, NULL));
	refused(_metadata, self, &m, -EOPNOTSUPP);
	ASSERT_EQ(0, lease_acquire(m.lease[1], m.fd[1], 0, (PART - 1) * PAGE_SZ, NULL));
	refused(_metadata, self, &m, -EOPNOTSUPP);
	ASSERT_EQ(0, lease_release(m.lease[1]));
	ASSERT_EQ(0, lease_acquire(m.lease[1], m.fd[1], 0, 0, NULL));
	ASSERT_EQ(0, mprotect(page_of(m.map, 2 * PART), PART * PAGE_SZ, PROT_READ));
	refused(_metadata, self, &m, -EFAULT);
	ASSERT_EQ(0, mprotect(page_of(m.map, 2 * PART), PART * PAGE_SZ, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, uring_reg(&m.ring, m.map, 4 * PART * PAGE_SZ));
	ASSERT_EQ(0, io_uring_unregister_buffers(&m.ring));
	ASSERT_EQ(0, munmap(page_of(m.map, 3 * PART), PAGE_SZ));
	refused(_metadata, self, &m, -EFAULT);
	io_uring_queue_exit(&m.ring);
}

/* A file that has one lease for its first part and another one for the rest. */
TEST_F(dax, one_buffer_under_two_leases)
{
	struct mixed m;

	skip_without_uring();
	mixed_make(_metadata, self, &m);
	ASSERT_EQ(0, lease_acquire(m.lease[0], self->fd, 0, 4 * PAGE_SZ, NULL));
	ASSERT_EQ(0, lease_acquire(m.lease[1], self->fd, 4 * PAGE_SZ, 4 * PAGE_SZ, NULL));
	EXPECT_EQ(0, uring_reg(&m.ring, page_of(self->map, 2), 4 * PAGE_SZ));
	EXPECT_EQ(4, lease_pinned_pages());
	io_uring_queue_exit(&m.ring);
}

TEST_HARNESS_MAIN
