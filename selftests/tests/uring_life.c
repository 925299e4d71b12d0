// SPDX-License-Identifier: GPL-2.0
/*
 * Pins of a ring last until the ring lets go: with buffers in use, closed,
 * killed, in other hands, cloned.  The end of a ring is a work item, so what it
 * leaves is waited for.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "scan.h"
#include "uring.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

#define SEED	20

static long punch(struct dax_test *self, unsigned long page)
{
	struct change c = change_of(self->path, NULL, page * PAGE_SZ, PAGE_SZ);

	return in_child(change_punch, &c, sizeof(c));
}

static struct lease_view view_file(struct __test_metadata *_metadata, struct dax_test *self)
{
	struct lease_view view;
	struct stat st;

	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	return view;
}

#define skip_without_uring() do {					\
	if (uring_missing())						\
		SKIP(return, "io_uring: %s", uring_missing());		\
} while (0)

static void register_pages(struct __test_metadata *_metadata, struct dax_test *self,
			   struct io_uring *ring, unsigned long first, unsigned long pages)
{
	ASSERT_EQ(0, uring_open(ring));
	ASSERT_EQ(0, uring_reg(ring, page_of(self->map, first), pages * PAGE_SZ));
}

TEST_F(dax, closed_without_unregistering)
{
	struct io_uring ring;

	skip_without_uring();
	acquire_whole();
	for (int i = 0; i < 10; i++) {
		register_pages(_metadata, self, &ring, 2, 4);
		EXPECT_EQ(4, lease_pinned_pages());
		io_uring_queue_exit(&ring);
		ASSERT_TRUE(wait_leases(1, 0));
		ASSERT_TRUE(wait_foll_pins(self->foll_pins));
		EXPECT_EQ(0, ftruncate(self->fd, PAGE_SZ));
		EXPECT_EQ(0, ftruncate(self->fd, FILE_SIZE));
	}
}

TEST_F(dax, lease_closed_before_the_ring)
{
	struct io_uring ring, late;
	int fd;

	skip_without_uring();
	acquire_whole();
	register_pages(_metadata, self, &ring, 2, 4);
	ASSERT_EQ(0, close(self->lease));
	self->lease = lease_open();
	ASSERT_LE(0, self->lease);
	EXPECT_EQ(DAXLEASE_STATE_ORPHANED, view_file(_metadata, self).lease.state);
	EXPECT_EQ(-ETXTBSY, punch(self, 2));
	EXPECT_EQ(-EOPNOTSUPP, uring_update(&ring, 0, self->map, PAGE_SZ));
	ASSERT_EQ(0, uring_open(&late));
	EXPECT_EQ(-EOPNOTSUPP, uring_reg(&late, self->map, PAGE_SZ));
	io_uring_queue_exit(&late);
	/* The buffer can be used to the end. */
	fd = open("/dev/zero", O_RDONLY);
	ASSERT_EQ(0, uring_read(&ring, (struct uring_io){ fd, 0, page_of(self->map, 2),
							  4 * PAGE_SZ, 0 }));
	EXPECT_EQ(1, file_is_zero(self->fd, 2 * PAGE_SZ, 4 * PAGE_SZ));
	io_uring_queue_exit(&ring);
	EXPECT_TRUE(wait_leases(0, 0));
	EXPECT_EQ(0, punch(self, 2));
}

TEST_F(dax, release_waits_for_the_ring)
{
	struct io_uring ring;

	skip_without_uring();
	acquire_whole();
	register_pages(_metadata, self, &ring, 2, 4);
	ASSERT_EQ(0, lease_set_nonblock(self->lease, true));
	EXPECT_EQ(-EBUSY, lease_release(self->lease));
	ASSERT_EQ(0, lease_set_nonblock(self->lease, false));
	io_uring_queue_exit(&ring);
	EXPECT_EQ(0, lease_release(self->lease));
	EXPECT_EQ(0, lease_pinned_pages());
}

/* A buffer in which a read waits for its data, at the time it is unregistered. */
TEST_F(dax, unregistered_while_in_use)
{
	char page[PAGE_SZ];
	struct io_uring ring;
	int pipes[2];

	skip_without_uring();
	acquire_whole();
	register_pages(_metadata, self, &ring, 2, 4);
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, uring_post_read(&ring, (struct uring_io){ pipes[0], 0,
				     page_of(self->map, 3), PAGE_SZ, 0 }));
	ASSERT_EQ(0, io_uring_unregister_buffers(&ring));
	/* The table has gone, the pins have not. */
	EXPECT_EQ(-ENXIO, io_uring_unregister_buffers(&ring));
	EXPECT_EQ(1, view_file(_metadata, self).pins);
	EXPECT_EQ(4, lease_pinned_pages());
	EXPECT_EQ(-ETXTBSY, punch(self, 3));
	EXPECT_EQ(-1, ftruncate(self->fd, 0));
	EXPECT_EQ(EDEADLK, errno);

	pattern_fill(page, PAGE_SZ, 0, SEED);
	ASSERT_EQ((ssize_t)PAGE_SZ, write(pipes[1], page, PAGE_SZ));
	EXPECT_EQ((ssize_t)PAGE_SZ, uring_result(&ring));
	EXPECT_TRUE(wait_leases(1, 0));
	ASSERT_EQ((ssize_t)PAGE_SZ, pread(self->fd, page, PAGE_SZ, 3 * PAGE_SZ));
	EXPECT_TRUE(pattern_match(page, PAGE_SZ, 0, SEED));
	EXPECT_EQ(0, ftruncate(self->fd, 0));
	io_uring_queue_exit(&ring);
}

/* A ring that ends takes its reads back before its pins go. */
TEST_F(dax, closed_while_in_use)
{
	char page[PAGE_SZ] = { 1 };
	struct io_uring ring;
	int pipes[2];

	skip_without_uring();
	acquire_whole();
	register_pages(_metadata, self, &ring, 2, 4);
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, uring_post_read(&ring, (struct uring_io){ pipes[0], 0,
				     page_of(self->map, 3), PAGE_SZ, 0 }));
	io_uring_queue_exit(&ring);
	EXPECT_TRUE(wait_leases(1, 0));
	EXPECT_TRUE(wait_foll_pins(self->foll_pins));
	ASSERT_EQ((ssize_t)PAGE_SZ, write(pipes[1], page, PAGE_SZ));
	EXPECT_EQ(1, file_matches(self->fd, 0, FILE_SIZE, FILE_SEED));
	EXPECT_EQ(0, ftruncate(self->fd, 0));
}

/* What a process of its own does with a ring; its lease and file are the actor's. */
struct user {
	char path[PATH_LEN];
	int fd;
	int use;
	int pid;
	int ring;
	struct io_uring_params params;
	uint64_t buf;
};

static struct io_uring user_ring;

/* Registers all of the file; with a read that waits, if there is to be one. */
static long user_start(void *arg)
{
	struct user *u = arg;
	int pipes[2], ret;
	char *map;

	u->fd = open(u->path, O_RDWR);
	map = u->fd < 0 ? NULL : file_map(u->fd, FILE_SIZE, PROT_READ | PROT_WRITE);
	if (!map || lease_take(u->fd) < 0 || pipe(pipes))
		return -EBADF;
	ret = io_uring_queue_init_params(8, &user_ring, &u->params);
	if (!ret)
		ret = uring_reg(&user_ring, map, FILE_SIZE);
	if (!ret && u->use)
		ret = uring_post_read(&user_ring, (struct uring_io){ pipes[0], 0, map, PAGE_SZ, 0 });
	u->ring = user_ring.ring_fd;
	u->buf = (uintptr_t)map;
	return ret;
}

static void user_make(struct __test_metadata *_metadata, struct dax_test *self,
		      struct peer *peer, struct user *u)
{
	snprintf(u->path, PATH_LEN, "%s", self->path);
	ASSERT_EQ(0, peer_start(peer));
	ASSERT_EQ(0, peer_call(peer, user_start, u, sizeof(*u)));
	EXPECT_EQ(FILE_PAGES, lease_pinned_pages());
	EXPECT_EQ(peer->pid, view_file(_metadata, self).pin[0].pid);
	EXPECT_EQ(-ETXTBSY, punch(self, 3));
}

TEST_F(dax, killed)
{
	struct user u = { 0 };
	struct peer peer;

	skip_without_uring();
	for (int i = 0; i < 10; i++) {
		u.use = i % 2;
		user_make(_metadata, self, &peer, &u);
		peer_kill(&peer);
		ASSERT_TRUE(wait_leases(0, 0));
		ASSERT_TRUE(wait_foll_pins(self->foll_pins));
		EXPECT_EQ(0, punch(self, 3));
	}
}

TEST_F(dax, exits)
{
	struct user u = { 0 };
	struct peer peer;

	skip_without_uring();
	user_make(_metadata, self, &peer, &u);
	peer_stop(&peer);
	EXPECT_TRUE(wait_leases(0, 0));
	EXPECT_EQ(0, punch(self, 3));
}

/* The ring's descriptor is closed, and the ring known to its task by an index. */
static long user_registers_ring(void *unused)
{
	int ret;

	(void)unused;
	ret = io_uring_register_ring_fd(&user_ring);
	return ret == 1 ? io_uring_close_ring_fd(&user_ring) - 1 : -EIO;
}

TEST_F(dax, ring_without_a_descriptor)
{
	struct user u = { 0 };
	struct peer peer;

	skip_without_uring();
	user_make(_metadata, self, &peer, &u);
	ASSERT_EQ(0, peer_call(&peer, user_registers_ring, NULL, 0));
	EXPECT_EQ(FILE_PAGES, lease_pinned_pages());
	EXPECT_EQ(-ETXTBSY, punch(self, 3));
	peer_kill(&peer);
	EXPECT_TRUE(wait_leases(0, 0));
	EXPECT_EQ(0, punch(self, 3));
}

/* Takes the ring of another process, as a debugger can, and maps it. */
static long take_ring(void *arg)
{
	struct user *u = arg;
	int pidfd, ring, ret;

	pidfd = syscall(SYS_pidfd_open, u->pid, 0);
	if (pidfd < 0)
		return -errno;
	ring = syscall(SYS_pidfd_getfd, pidfd, u->ring, 0);
	if (ring < 0)
		return -errno;
	ret = io_uring_queue_mmap(ring, &u->params, &user_ring);
	user_ring.ring_fd = ring;
	user_ring.enter_ring_fd = ring;
	u->fd = open(u->path, O_RDWR);
	return ret;
}

/* Into the buffer, of which the first process knows the address. */
static long read_zeroes(void *arg)
{
	struct user *u = arg;
	int fd = open("/dev/zero", O_RDONLY);

	return uring_read(&user_ring, (struct uring_io){ fd, 0, (char *)(uintptr_t)u->buf,
							 2 * PAGE_SZ, 0 });
}

/* Another buffer of the same file, of this process. */
static long reg_more(void *arg)
{
	struct user *u = arg;
	char *map = file_map(u->fd, FILE_SIZE, PROT_READ | PROT_WRITE);
	struct io_uring mine;
	int ret;

	if (!map)
		return -errno;
	ret = uring_open(&mine) ?: uring_reg(&mine, map, PAGE_SZ);
	io_uring_queue_exit(&mine);
	return ret ?: uring_update(&user_ring, 0, map, PAGE_SZ);
}

TEST_F(dax, in_the_hands_of_another_process)
{
	struct peer first, second;
	int32_t pids[4] = { 0 };
	struct lease_view view;
	struct user u = { 0 };
	char comm[16] = { 0 };
	int fd;

	skip_without_uring();
	user_make(_metadata, self, &first, &u);
	ASSERT_EQ(0, peer_start(&second));
	u.pid = first.pid;
	ASSERT_EQ(0, peer_call(&second, take_ring, &u, sizeof(u)));
	/* A socket does not take rings. */
	fd = syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, u.pid, 0), u.ring, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, peer_give_fd(&second, fd));
	close(fd);
	view = view_file(_metadata, self);
	EXPECT_EQ(2, lease_openers(self->lease, view.pin[0].id, pids, sizeof(pids)));
	peer_stop(&first);

	/* Still there, still attributed, though its maker has no number now. */
	view = view_file(_metadata, self);
	ASSERT_EQ(1, view.pins);
	EXPECT_EQ(DAXLEASE_STATE_ORPHANED, view.lease.state);
	EXPECT_EQ(0, view.pin[0].pid);
	EXPECT_EQ(FILE_PAGES, view.pin[0].pages);
	EXPECT_EQ(DAXLEASE_PIN_IO_URING, view.pin[0].kind);
	read_text("/proc/self/comm", comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = 0;
	EXPECT_STREQ(comm, view.pin[0].comm);
	ASSERT_EQ(1, lease_openers(self->lease, view.pin[0].id, pids, sizeof(pids)));
	EXPECT_EQ(second.pid, pids[0]);
	EXPECT_EQ(-ETXTBSY, punch(self, 3));
	EXPECT_EQ(0, peer_call(&second, read_zeroes, &u, sizeof(u)));
	EXPECT_EQ(1, file_is_zero(self->fd, 0, 2 * PAGE_SZ));
	EXPECT_EQ(1, file_matches(self->fd, 2 * PAGE_SZ, FILE_SIZE - 2 * PAGE_SZ, FILE_SEED));
	/* No holder: neither by a ring of its own nor by this one. */
	EXPECT_EQ(-EOPNOTSUPP, peer_call(&second, reg_more, &u, sizeof(u)));
	peer_kill(&second);
	EXPECT_TRUE(wait_leases(0, 0));
	EXPECT_EQ(0, punch(self, 3));
}

/* A child has the ring's descriptor, and is no holder. */
TEST_F(dax, forked)
{
	struct user u = { .fd = self->fd };
	struct io_uring ring;
	struct peer child;

	skip_without_uring();
	acquire_whole();
	register_pages(_metadata, self, &ring, 2, 4);
	ASSERT_EQ(0, peer_start_inherit(&child));
	EXPECT_EQ(-EOPNOTSUPP, peer_call(&child, reg_more, &u, sizeof(u)));
	io_uring_queue_exit(&ring);
	EXPECT_EQ(4, lease_pinned_pages());
	EXPECT_EQ(-ETXTBSY, punch(self, 2));
	EXPECT_EQ(-1, ftruncate(self->fd, 0));
	EXPECT_EQ(EDEADLK, errno);
	EXPECT_EQ(getpid(), view_file(_metadata, self).pin[0].pid);
	peer_kill(&child);
	EXPECT_TRUE(wait_leases(1, 0));
	EXPECT_EQ(0, ftruncate(self->fd, 0));
}

/* The buffer is one, of two rings; the account goes with the last of them. */
TEST_F(dax, cloned)
{
	struct io_uring ring[2];
	int fd;

	skip_without_uring();
	acquire_whole();
	fd = open("/dev/zero", O_RDONLY);
	for (int gone = 0; gone < 2; gone++) {
		register_pages(_metadata, self, &ring[0], 2 + gone, 4);
		ASSERT_EQ(0, uring_open(&ring[1]));
		ASSERT_EQ(0, io_uring_clone_buffers(&ring[1], &ring[0]));
		EXPECT_EQ(1, view_file(_metadata, self).pins);
		EXPECT_EQ(4, lease_pinned_pages());
		/* By the end of one, by unregistering the other. */
		io_uring_queue_exit(&ring[gone]);
		EXPECT_EQ(4, lease_pinned_pages());
		EXPECT_EQ(-ETXTBSY, punch(self, 4));
		ASSERT_EQ(0, uring_read(&ring[!gone], (struct uring_io){ fd, 0,
					page_of(self->map, 2 + gone), 4 * PAGE_SZ, 0 }));
		EXPECT_EQ(1, file_is_zero(self->fd, (2 + gone) * PAGE_SZ, 4 * PAGE_SZ));
		ASSERT_EQ(0, io_uring_unregister_buffers(&ring[!gone]));
		EXPECT_TRUE(wait_leases(1, 0));
		EXPECT_TRUE(wait_foll_pins(self->foll_pins));
		EXPECT_EQ(0, ftruncate(self->fd, 0));
		ASSERT_EQ(0, ftruncate(self->fd, FILE_SIZE));
		io_uring_queue_exit(&ring[!gone]);
	}
}

/* A ring that has buffers gets others in their place. */
TEST_F(dax, cloned_over)
{
	struct io_uring ring[2];

	skip_without_uring();
	acquire_whole();
	register_pages(_metadata, self, &ring[0], 0, 2);
	register_pages(_metadata, self, &ring[1], 8, 3);
	EXPECT_EQ(5, lease_pinned_pages());
	ASSERT_EQ(0, io_uring_clone_buffers_offset(&ring[1], &ring[0], 0, 0, 1,
						   IORING_REGISTER_DST_REPLACE));
	EXPECT_EQ(2, lease_pinned_pages());
	ASSERT_EQ(0, uring_update(&ring[0], 0, page_of(self->map, 4), PAGE_SZ));
	EXPECT_EQ(3, lease_pinned_pages());
	for (int i = 0; i < 2; i++)
		io_uring_queue_exit(&ring[i]);
	EXPECT_TRUE(wait_leases(1, 0));
}

#define LARGE	(64UL << 20)
#define ROUNDS	40

struct watch {
	struct dax_test *self;
	int fd;
	volatile bool stop;
	volatile unsigned long pinned, bare, idle;
};

/* Who watches must not have to take turns with who is watched. */
static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* The last page of a buffer: pinned, then idle, never busy without an account. */
static void *watch_last_page(void *arg)
{
	struct watch *w = arg;
	struct daxlease_scan scan;

	run_on(1);
	while (!w->stop) {
		if (scan_busy(w->self->lease, w->fd, LARGE - PAGE_SZ, PAGE_SZ, 0, &scan))
			break;
		w->pinned += scan.busy == DAXLEASE_BUSY_PINNED;
		w->bare += scan.busy == DAXLEASE_BUSY_TRANSIENT;
		w->idle += !scan.busy;
	}
	return NULL;
}

static bool seen_pinned(void *arg)
{
	return ((struct watch *)arg)->pinned;
}

static bool seen_idle(void *arg)
{
	return ((struct watch *)arg)->idle;
}

TEST_F(dax, accounted_until_the_last_page_is_unpinned)
{
	struct watch w = { .self = self };
	struct io_uring ring;
	char path[PATH_LEN];
	pthread_t thread;
	char *map;

	skip_without_uring();
	other_path(path, "large");
	w.fd = file_create(path, LARGE, FILE_SEED);
	ASSERT_LE(0, w.fd);
	/* Not aligned, so that there are thousands of folios to unpin. */
	map = mmap(NULL, LARGE + 2 * HUGE_SZ, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, map);
	map = (char *)(((uintptr_t)map + HUGE_SZ - 1) & -HUGE_SZ) + PAGE_SZ;
	ASSERT_EQ(map, mmap(map, LARGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, w.fd, 0));
	ASSERT_EQ(0, lease_acquire(self->lease, w.fd, 0, 0, NULL));
	ASSERT_EQ(0, uring_open(&ring));
	run_on(0);
	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, uring_reg(&ring, map, LARGE));
		w.stop = false;
		w.pinned = 0;
		w.idle = 0;
		ASSERT_EQ(0, pthread_create(&thread, NULL, watch_last_page, &w));
		ASSERT_TRUE(wait_until(seen_pinned, &w));
		ASSERT_EQ(0, io_uring_unregister_buffers(&ring));
		ASSERT_TRUE(wait_until(seen_idle, &w));
		w.stop = true;
		pthread_join(thread, NULL);
	}
	EXPECT_EQ(0, w.bare);
	io_uring_queue_exit(&ring);
}

TEST_HARNESS_MAIN
