// SPDX-License-Identifier: GPL-2.0
/*
 * SCAN: idle, pinned for long, referenced for the moment; and it leaves alone
 * what it looks at.  Who it is, is in scan_records.c.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "faults.h"
#include "huge_file.h"
#include "scan.h"

#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/uio.h>

#define IDLE		0
#define PINNED		DAXLEASE_BUSY_PINNED
#define TRANSIENT	DAXLEASE_BUSY_TRANSIENT

/* Page that a pipe holds. */
#define HELD		6

/* What a scan of bytes says: flags, verdict, and the bytes found first. */
#define EXPECT_BYTES(fd, off, len, flags, want_busy, want_first, want_end) do {	\
	struct daxlease_scan __scan;						\
										\
	ASSERT_EQ(0, scan_busy(self->lease, fd, off, len, flags, &__scan));	\
	EXPECT_EQ(want_busy, __scan.busy);					\
	EXPECT_EQ(want_first, __scan.first);					\
	EXPECT_EQ(want_end, __scan.end);					\
	EXPECT_EQ(0, __scan.used);						\
} while (0)

/* Likewise of pages of the test's file; 0 pages: to its end. */
#define EXPECT_SCAN(page, pages, want_busy, first_page, end_page)		\
	EXPECT_BYTES(self->fd, (page) * PAGE_SZ, (pages) * PAGE_SZ, 0, want_busy,	\
		     (first_page) * PAGE_SZ, (end_page) * PAGE_SZ)

#define EXPECT_IDLE(page, pages)	EXPECT_SCAN(page, pages, IDLE, 0, 0)

/* A pipe that holds a reference to a page, as direct I/O into it does. */
static void hold(struct __test_metadata *_metadata, char *addr, int pipes[2])
{
	struct iovec iov = { addr, PAGE_SZ };

	/* Mapped, so that there is a page to take. */
	addr[0]++;
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ((ssize_t)PAGE_SZ, vmsplice(pipes[1], &iov, 1, 0));
}

static void let_go(int pipes[2])
{
	close(pipes[0]);
	close(pipes[1]);
}

TEST_F(dax, idle_without_a_lease)
{
	EXPECT_IDLE(0, 0);
	/* Mapped and used, for reading and for writing. */
	touch(self->map, FILE_PAGES);
	EXPECT_IDLE(0, 0);
	for (int page = 0; page < FILE_PAGES; page++)
		page_of(self->map, page)[0] = 1;
	EXPECT_IDLE(0, 0);
	EXPECT_IDLE(3, 1);
	EXPECT_IDLE(FILE_PAGES - 1, 100);
	ASSERT_EQ(0, fsync(self->fd));
	EXPECT_IDLE(0, 0);
}

TEST_F(dax, idle_with_a_lease)
{
	uint32_t id;

	acquire_whole();
	EXPECT_IDLE(0, 0);
	touch(self->map, FILE_PAGES);
	EXPECT_IDLE(0, 0);
	ASSERT_EQ(0, pin_pages(2, 3, TESTDEV_PIN_WRITE, &id));
	EXPECT_SCAN(0, 0, PINNED, 2, 5);
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_IDLE(0, 0);
	ASSERT_EQ(0, lease_release(self->lease));
	EXPECT_IDLE(0, 0);
}

static long map_and_touch(void *arg)
{
	long ret = actor_open(arg);
	int fd = open(arg, O_RDWR);
	char *map = file_map(fd, FILE_SIZE, PROT_READ | PROT_WRITE);

	if (ret || !map)
		return -EIO;
	touch(map, FILE_PAGES);
	return 0;
}

TEST_F(dax, idle_while_others_map_it)
{
	struct peer peer;

	touch(self->map, FILE_PAGES);
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_call(&peer, map_and_touch, self->path, sizeof(self->path)));
	EXPECT_IDLE(0, 0);
	peer_stop(&peer);
	EXPECT_IDLE(0, 0);
}

TEST_F(dax, holes_and_what_is_behind_the_end_are_idle)
{
	ASSERT_EQ(0, fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       4 * PAGE_SZ, 4 * PAGE_SZ));
	EXPECT_IDLE(0, 0);
	/* Mapped for reading, without blocks. */
	touch(self->map, FILE_PAGES);
	EXPECT_IDLE(0, 0);
	EXPECT_IDLE(4, 4);
	EXPECT_IDLE(FILE_PAGES, 1);
	EXPECT_IDLE(1UL << 40, 0);
	/* The last byte that a range can have. */
	EXPECT_BYTES(self->fd, (1ULL << 63) - 1, 0, 0, IDLE, 0, 0);
	EXPECT_BYTES(self->fd, 0, (1ULL << 63) - 1, 0, IDLE, 0, 0);
}

TEST_F(dax, shared_blocks)
{
	char path[PATH_LEN], *map;
	int copy, pipes[2];

	other_path(path, "copy");
	copy = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	ASSERT_LE(0, copy);
	if (ioctl(copy, FICLONE, self->fd))
		SKIP(return, "no reflink: %s", strerror(errno));
	map = file_map(copy, FILE_SIZE, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	touch(self->map, FILE_PAGES);
	touch(map, FILE_PAGES);
	EXPECT_IDLE(0, 0);
	EXPECT_BYTES(copy, 0, 0, 0, IDLE, 0, 0);
	/* What is held has blocks of its own. */
	hold(_metadata, page_of(self->map, HELD), pipes);
	EXPECT_SCAN(0, 0, TRANSIENT, HELD, HELD + 1);
	EXPECT_BYTES(copy, 0, 0, 0, IDLE, 0, 0);
	let_go(pipes);
}

TEST_F(dax, pinned_exactly)
{
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(3, 4, TESTDEV_PIN_WRITE, &id));
	EXPECT_SCAN(0, 0, PINNED, 3, 7);
	EXPECT_SCAN(0, FILE_PAGES, PINNED, 3, 7);
	EXPECT_IDLE(0, 3);
	EXPECT_IDLE(7, 0);
	EXPECT_IDLE(7, 1);
	/* A range that is touched in part; what is found does not leave it. */
	EXPECT_SCAN(0, 4, PINNED, 3, 4);
	EXPECT_SCAN(6, 5, PINNED, 6, 7);
	EXPECT_SCAN(4, 2, PINNED, 4, 6);
	EXPECT_SCAN(6, 0, PINNED, 6, 7);
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_IDLE(0, 0);
}

TEST_F(dax, pinned_for_reading)
{
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(3, 1, 0, &id));
	EXPECT_SCAN(0, 0, PINNED, 3, 4);
}

TEST_F(dax, alternating_pages)
{
	uint32_t id[FILE_PAGES];

	acquire_whole();
	for (int page = 1; page < FILE_PAGES; page += 2)
		ASSERT_EQ(0, pin_pages(page, 1, TESTDEV_PIN_WRITE, &id[page]));
	for (int page = 0; page < FILE_PAGES; page += 2) {
		EXPECT_IDLE(page, 1);
		EXPECT_SCAN(page, 0, PINNED, page + 1, page + 2);
		EXPECT_SCAN(page, 2, PINNED, page + 1, page + 2);
	}
	EXPECT_IDLE(FILE_PAGES, 0);
	/* What two pins hold side by side is one part. */
	ASSERT_EQ(0, pin_pages(4, 1, 0, &id[0]));
	EXPECT_SCAN(2, 0, PINNED, 3, 6);
	ASSERT_EQ(0, testdev_unpin(self->dev, id[3]));
	EXPECT_SCAN(2, 0, PINNED, 4, 6);
}

TEST_F(dax, bytes_are_rounded_outward)
{
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(3, 2, TESTDEV_PIN_WRITE, &id));
	EXPECT_BYTES(self->fd, 3 * PAGE_SZ - 1, 1, 0, IDLE, 0, 0);
	EXPECT_BYTES(self->fd, 3 * PAGE_SZ - 1, 2, 0, PINNED, 3 * PAGE_SZ, 4 * PAGE_SZ);
	EXPECT_BYTES(self->fd, 3 * PAGE_SZ + 100, 1, 0, PINNED, 3 * PAGE_SZ, 4 * PAGE_SZ);
	EXPECT_BYTES(self->fd, 5 * PAGE_SZ - 1, 1, 0, PINNED, 4 * PAGE_SZ, 5 * PAGE_SZ);
	EXPECT_BYTES(self->fd, 5 * PAGE_SZ - 1, 0, 0, PINNED, 4 * PAGE_SZ, 5 * PAGE_SZ);
	EXPECT_BYTES(self->fd, 5 * PAGE_SZ, 1, 0, IDLE, 0, 0);
	EXPECT_BYTES(self->fd, 0, 3 * PAGE_SZ, 0, IDLE, 0, 0);
	EXPECT_BYTES(self->fd, 0, 3 * PAGE_SZ + 1, 0, PINNED, 3 * PAGE_SZ, 4 * PAGE_SZ);
	EXPECT_BYTES(self->fd, 1, 0, 0, PINNED, 3 * PAGE_SZ, 5 * PAGE_SZ);
}

static void held(struct __test_metadata *_metadata, struct dax_test *self)
{
	int pipes[2];

	hold(_metadata, page_of(self->map, HELD), pipes);
	EXPECT_SCAN(0, 0, TRANSIENT, HELD, HELD + 1);
	EXPECT_SCAN(HELD, 1, TRANSIENT, HELD, HELD + 1);
	EXPECT_SCAN(HELD, 0, TRANSIENT, HELD, HELD + 1);
	EXPECT_SCAN(0, HELD + 1, TRANSIENT, HELD, HELD + 1);
	EXPECT_BYTES(self->fd, HELD * PAGE_SZ + 7, 1, 0, TRANSIENT,
		     HELD * PAGE_SZ, (HELD + 1) * PAGE_SZ);
	EXPECT_IDLE(0, HELD);
	EXPECT_IDLE(HELD + 1, 0);
	EXPECT_BYTES(self->fd, 0, 0, DAXLEASE_SCAN_PINS_ONLY, IDLE, 0, 0);
	let_go(pipes);
	EXPECT_IDLE(0, 0);
}

TEST_F(dax, transient_without_a_lease)
{
	held(_metadata, self);
}

TEST_F(dax, transient_with_a_lease)
{
	acquire_whole();
	held(_metadata, self);
}

TEST_F(dax, transient_of_a_page_that_is_no_longer_mapped)
{
	int pipes[2];

	hold(_metadata, page_of(self->map, HELD), pipes);
	ASSERT_EQ(0, munmap(self->map, FILE_SIZE));
	EXPECT_SCAN(0, 0, TRANSIENT, HELD, HELD + 1);
	let_go(pipes);
	EXPECT_IDLE(0, 0);
}

/* The reference before the pin, behind it, and between two of them. */
TEST_F(dax, both)
{
	static const struct {
		unsigned int page[2];
		unsigned int first;
	} pins[] = { { { 0, 3 }, 0 }, { { 8, 11 }, 8 }, { { 2, 9 }, 2 } };
	int pipes[2];

	acquire_whole();
	hold(_metadata, page_of(self->map, HELD), pipes);
	for (size_t i = 0; i < ARRAY_SIZE(pins); i++) {
		unsigned int first = pins[i].first;
		uint32_t id[2];

		for (int k = 0; k < 2; k++)
			ASSERT_EQ(0, pin_pages(pins[i].page[k], 2, TESTDEV_PIN_WRITE, &id[k]));
		EXPECT_SCAN(0, 0, PINNED | TRANSIENT, first, first + 2);
		EXPECT_BYTES(self->fd, 0, 0, DAXLEASE_SCAN_PINS_ONLY, PINNED,
			     first * PAGE_SZ, (first + 2) * PAGE_SZ);
		EXPECT_SCAN(pins[i].page[0], 2, PINNED, pins[i].page[0], pins[i].page[0] + 2);
		EXPECT_SCAN(HELD, 1, TRANSIENT, HELD, HELD + 1);
		for (int k = 0; k < 2; k++)
			ASSERT_EQ(0, testdev_unpin(self->dev, id[k]));
	}
	EXPECT_SCAN(0, 0, TRANSIENT, HELD, HELD + 1);
	let_go(pipes);
}

/* A page with both is pinned; the other reference shows when the pin is gone. */
TEST_F(dax, both_on_one_page)
{
	int pipes[2];
	uint32_t id;

	acquire_whole();
	hold(_metadata, page_of(self->map, HELD), pipes);
	ASSERT_EQ(0, pin_pages(HELD, 1, TESTDEV_PIN_WRITE, &id));
	EXPECT_SCAN(0, 0, PINNED, HELD, HELD + 1);
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_SCAN(0, 0, TRANSIENT, HELD, HELD + 1);
	let_go(pipes);
	EXPECT_IDLE(0, 0);
}

/* Found as a whole, and cut to what was asked for. */
static void huge_is(struct __test_metadata *_metadata, struct dax_test *self,
		    struct huge *h, uint32_t busy)
{
	off_t end = h->off + HUGE_SZ;

	EXPECT_BYTES(h->fd, 0, 0, 0, busy, h->off, end);
	EXPECT_BYTES(h->fd, h->off + 100 * PAGE_SZ, PAGE_SZ, 0, busy,
		     h->off + 100 * PAGE_SZ, h->off + 101 * PAGE_SZ);
	EXPECT_BYTES(h->fd, end - 1, 0, 0, busy, end - PAGE_SZ, end);
	EXPECT_BYTES(h->fd, end - 1, 2, 0, busy, end - PAGE_SZ, end);
	EXPECT_BYTES(h->fd, end, 0, 0, IDLE, 0, 0);
	if (h->off)
		EXPECT_BYTES(h->fd, 0, h->off, 0, IDLE, 0, 0);
}

TEST_F(dax, huge_folio)
{
	struct lease_view view;
	struct stat st;
	struct huge h;
	int pipes[2];
	uint32_t id;

	if (!prepare(_metadata, self, &h))
		SKIP(return, "no aligned 2 MiB of blocks");
	EXPECT_BYTES(h.fd, 0, 0, 0, IDLE, 0, 0);
	ASSERT_EQ(0, lease_acquire(self->lease, h.fd, 0, 0, NULL));
	ASSERT_EQ(0, testdev_pin(self->dev, page_of(h.map, 7), 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, fstat(h.fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	if (view.lease.pinned_pages != HUGE_PAGES)
		SKIP(return, "the kernel did not map a 2 MiB folio");
	huge_is(_metadata, self, &h, PINNED);
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_BYTES(h.fd, 0, 0, 0, IDLE, 0, 0);
	hold(_metadata, page_of(h.map, 300), pipes);
	huge_is(_metadata, self, &h, TRANSIENT);
	let_go(pipes);
	EXPECT_BYTES(h.fd, 0, 0, 0, IDLE, 0, 0);
}

/* Any way to have the file open will do, in any process, with any lease fd. */
TEST_F(dax, of_any_descriptor)
{
	static const int ways[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDONLY | O_NONBLOCK };
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(3, 1, TESTDEV_PIN_WRITE, &id));
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		int fd = open(self->path, ways[i]), lease = lease_open();
		struct daxlease_scan scan;

		ASSERT_LE(0, fd);
		ASSERT_LE(0, lease);
		EXPECT_EQ(0, scan_busy(lease, fd, 0, 0, 0, &scan));
		EXPECT_EQ(PINNED, scan.busy);
		close(fd);
		close(lease);
	}
	ASSERT_EQ(0, unlink(self->path));
	EXPECT_SCAN(0, 0, PINNED, 3, 4);
}

TEST_F(dax, unmaps_nothing)
{
	struct daxlease_scan scan;
	int pipes[2];
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(2, 2, TESTDEV_PIN_WRITE, &id));
	hold(_metadata, page_of(self->map, HELD), pipes);
	/* Whatever this process takes for the first time. */
	touch(self->map, FILE_PAGES);
	EXPECT_LE(0, faults_of(touch(self->map, FILE_PAGES)));
	ASSERT_EQ(0, scan_busy(self->lease, self->fd, 0, 0, 0, &scan));

	ASSERT_EQ(0, scan_busy(self->lease, self->fd, 0, 0, 0, &scan));
	EXPECT_EQ(PINNED | TRANSIENT, scan.busy);
	EXPECT_EQ(0, faults_of(touch(self->map, FILE_PAGES)));
	/* That they would be seen. */
	ASSERT_EQ(0, madvise(self->map, FILE_SIZE, MADV_DONTNEED));
	EXPECT_LE(FILE_PAGES, faults_of(touch(self->map, FILE_PAGES)));
	let_go(pipes);
}

TEST_F(dax, disturbs_no_pin_and_counts_nothing)
{
	struct daxlease_stats before, after;
	char page[PAGE_SZ];
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(2, 2, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, lease_stats(&before));
	for (int i = 0; i < 50; i++)
		EXPECT_SCAN(0, 0, PINNED, 2, 4);
	ASSERT_EQ(0, lease_stats(&after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(after)));
	EXPECT_TRUE(foll_pins_become(self->foll_pins + 2));
	memset(page, 0x3c, PAGE_SZ);
	EXPECT_EQ(0, testdev_write(self->dev, id, PAGE_SZ, page, PAGE_SZ));
	EXPECT_EQ(0x3c, page_of(self->map, 3)[5]);
}

/* Pins and unpins, and gives blocks away and takes them again. */
static long churn(void *arg)
{
	struct change c = *(struct change *)arg;
	int fd = open(c.path, O_RDWR);
	char *map = file_map(fd, FILE_SIZE, PROT_READ | PROT_WRITE);
	struct actor_range range = { .off = 8 * PAGE_SZ, .len = 4 * PAGE_SZ };
	long ret = 0;

	if (!map)
		return -EIO;
	for (int i = 0; i < 300 && !ret; i++) {
		ret = actor_pin(&range);
		if (!ret)
			ret = actor_unpin(&range);
		if (!ret)
			ret = change_punch(&c);
		map[c.off]++;
	}
	return ret;
}

TEST_F(dax, beside_pins_and_changes)
{
	struct change c = change_of(self->path, NULL, 14 * PAGE_SZ, PAGE_SZ);
	struct peer peer;
	uint32_t id;

	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 0, 6 * PAGE_SZ, NULL));
	ASSERT_EQ(0, pin_pages(2, 1, TESTDEV_PIN_WRITE, &id));
	touch(self->map, 8);
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_open(&peer, self->path));
	ASSERT_EQ(0, peer_acquire(&peer, 8 * PAGE_SZ, 4 * PAGE_SZ));
	ASSERT_EQ(0, peer_post(&peer, churn, &c, sizeof(c)));
	do {
		struct daxlease_scan scan;

		ASSERT_EQ(0, scan_busy(self->lease, self->fd, 0, 0, 0, &scan));
		EXPECT_NE(0, scan.busy & PINNED);
		EXPECT_EQ(2 * PAGE_SZ, scan.first);
		EXPECT_EQ(3 * PAGE_SZ, scan.end);
		EXPECT_IDLE(3, 5);
	} while (!peer_has_result(&peer));
	EXPECT_EQ(0, peer_result(&peer, NULL, 0));
	EXPECT_SCAN(0, 0, PINNED, 2, 3);
	peer_stop(&peer);
}

TEST_HARNESS_MAIN
