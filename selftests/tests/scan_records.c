// SPDX-License-Identifier: GPL-2.0
/* The records of SCAN: what touches the range and nothing else, to whom. */
#include "actor.h"
#include "dax_fixture.h"
#include "huge_file.h"
#include "scan.h"

#define BUF		(4 * PAGE_SZ)
#define LEASES		10
#define PINS		4

/* All records of some pages; 0 pages: to the end of the file. */
#define view_pages(page, pages, view) do {					\
	ASSERT_EQ(0, scan_view(self->lease, self->fd, (page) * PAGE_SZ,		\
			       (pages) * PAGE_SZ, BUF, view));			\
	EXPECT_EQ(0, (view)->disorder);						\
} while (0)

TEST_F(dax, nothing_to_tell)
{
	struct scan_view view;

	view_pages(0, 0, &view);
	EXPECT_EQ(0, view.leases + view.pins);
	EXPECT_EQ(1, view.calls);
}

TEST_F(dax, same_as_query)
{
	struct lease_view query;
	struct scan_view view;
	uint32_t pin;
	uint64_t id;

	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 0, 0, &id));
	ASSERT_EQ(0, pin_pages(3, 2, TESTDEV_PIN_WRITE, &pin));
	view_pages(0, 0, &view);
	ASSERT_EQ(1, lease_view(self->lease, id, &query));
	ASSERT_EQ(1, view.leases);
	ASSERT_EQ(1, view.pins);
	EXPECT_EQ(DAXLEASE_BUSY_PINNED, view.scan.busy);
	/* All but the time that has passed. */
	EXPECT_LE(view.lease[0].age_ms, query.lease.age_ms);
	view.lease[0].age_ms = query.lease.age_ms;
	EXPECT_EQ(0, memcmp(&view.lease[0], &query.lease, sizeof(query.lease)));
	EXPECT_LE(view.pin[0].age_ms, query.pin[0].age_ms);
	view.pin[0].age_ms = query.pin[0].age_ms;
	EXPECT_EQ(0, memcmp(&view.pin[0], &query.pin[0], sizeof(query.pin[0])));
	EXPECT_EQ(getpid(), view.pin[0].pid);
	EXPECT_NE(0, view.pin[0].owner[0]);
}

TEST_F(dax, leases_that_touch_the_range)
{
	struct scan_view view;

	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 4 * PAGE_SZ, 4 * PAGE_SZ, NULL));
	for (int page = 0; page < FILE_PAGES; page++) {
		view_pages(page, 1, &view);
		EXPECT_EQ(page >= 4 && page < 8, view.leases);
		EXPECT_EQ(0, view.pins);
		EXPECT_EQ(0, view.scan.busy);
	}
	view_pages(0, 5, &view);
	EXPECT_EQ(1, view.leases);
	view_pages(7, 0, &view);
	EXPECT_EQ(1, view.leases);
	view_pages(8, 0, &view);
	EXPECT_EQ(0, view.leases);
	/* One byte of it. */
	ASSERT_EQ(0, scan_view(self->lease, self->fd, 4 * PAGE_SZ - 1, 2, BUF, &view));
	EXPECT_EQ(1, view.leases);
	ASSERT_EQ(0, scan_view(self->lease, self->fd, 4 * PAGE_SZ - 1, 1, BUF, &view));
	EXPECT_EQ(0, view.leases);
}

TEST_F(dax, lease_without_an_end)
{
	struct scan_view view;

	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 4 * PAGE_SZ, 0, NULL));
	view_pages(1UL << 30, 1, &view);
	EXPECT_EQ(1, view.leases);
	view_pages(0, 4, &view);
	EXPECT_EQ(0, view.leases);
}

/* One pin of alternating pages holds those, and not what is between them. */
TEST_F(dax, pins_that_touch_the_range)
{
	struct scan_view view;
	uint32_t id[3];

	acquire_whole();
	ASSERT_EQ(0, pin_pages(1, 2, TESTDEV_PIN_WRITE, &id[0]));
	ASSERT_EQ(0, pin_pages(5, 2, TESTDEV_PIN_WRITE, &id[1]));
	ASSERT_EQ(0, pin_pages(9, 2, TESTDEV_PIN_WRITE, &id[2]));
	for (int page = 0; page < FILE_PAGES; page++) {
		bool pinned = page % 4 == 1 || page % 4 == 2;

		view_pages(page, 1, &view);
		EXPECT_EQ(1, view.leases);
		EXPECT_EQ(pinned && page < 12, view.pins);
		if (view.pins)
			EXPECT_EQ((page / 4 * 4 + 1) * PAGE_SZ, view.pin[0].start);
	}
	view_pages(2, 4, &view);
	EXPECT_EQ(2, view.pins);
	view_pages(0, 0, &view);
	EXPECT_EQ(3, view.pins);
	ASSERT_EQ(0, testdev_unpin(self->dev, id[1]));
	view_pages(0, 0, &view);
	EXPECT_EQ(2, view.pins);
	EXPECT_EQ(1 * PAGE_SZ, view.pin[0].start);
	EXPECT_EQ(9 * PAGE_SZ, view.pin[1].start);
}

TEST_F(dax, two_processes)
{
	struct scan_view view;
	struct peer peer;
	uint32_t id;

	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 0, 8 * PAGE_SZ, NULL));
	ASSERT_EQ(0, pin_pages(2, 2, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_open(&peer, self->path));
	ASSERT_EQ(0, peer_acquire(&peer, 8 * PAGE_SZ, 4 * PAGE_SZ));
	ASSERT_LE(0, peer_pin(&peer, 10, 1, 0));

	view_pages(0, 8, &view);
	ASSERT_EQ(1, view.leases);
	ASSERT_EQ(1, view.pins);
	EXPECT_EQ(getpid(), view.lease[0].pid);
	EXPECT_EQ(getpid(), view.pin[0].pid);
	EXPECT_NE(0, view.pin[0].flags & DAXLEASE_PIN_WRITABLE);
	EXPECT_EQ(view.lease[0].id, view.pin[0].lease_id);

	view_pages(10, 1, &view);
	ASSERT_EQ(1, view.leases);
	ASSERT_EQ(1, view.pins);
	EXPECT_EQ(peer.pid, view.lease[0].pid);
	EXPECT_EQ(peer.pid, view.pin[0].pid);
	EXPECT_EQ(0, view.pin[0].flags & DAXLEASE_PIN_WRITABLE);
	EXPECT_EQ(10 * PAGE_SZ, view.pin[0].start);

	view_pages(8, 2, &view);
	ASSERT_EQ(1, view.leases);
	EXPECT_EQ(peer.pid, view.lease[0].pid);
	EXPECT_EQ(0, view.pins);

	view_pages(7, 2, &view);
	EXPECT_EQ(2, view.leases);
	EXPECT_EQ(0, view.pins);
	view_pages(0, 0, &view);
	EXPECT_EQ(2, view.leases);
	EXPECT_EQ(2, view.pins);
	view_pages(12, 0, &view);
	EXPECT_EQ(0, view.leases);
	peer_stop(&peer);
}

TEST_F(dax, orphaned_lease)
{
	struct scan_view view;
	struct peer peer;
	long id;

	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_open(&peer, self->path));
	ASSERT_EQ(0, peer_acquire(&peer, 0, 0));
	id = peer_pin(&peer, 3, 1, TESTDEV_PIN_WRITE);
	ASSERT_LE(0, id);
	ASSERT_EQ(0, peer_call(&peer, actor_close_lease, NULL, 0));
	view_pages(0, 0, &view);
	EXPECT_EQ(DAXLEASE_BUSY_PINNED, view.scan.busy);
	ASSERT_EQ(1, view.leases);
	EXPECT_EQ(DAXLEASE_STATE_ORPHANED, view.lease[0].state);
	ASSERT_EQ(1, view.pins);
	EXPECT_EQ(peer.pid, view.pin[0].pid);
	ASSERT_EQ(0, peer_unpin(&peer, id));
	view_pages(0, 0, &view);
	EXPECT_EQ(0, view.scan.busy);
	EXPECT_EQ(0, view.leases);
	peer_stop(&peer);
}

TEST_F(dax, other_files)
{
	struct scan_view view;
	char path[PATH_LEN];
	int other, lease;
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(3, 1, TESTDEV_PIN_WRITE, &id));
	other_path(path, "other");
	other = file_create(path, FILE_SIZE, FILE_SEED);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, scan_view(self->lease, other, 0, 0, BUF, &view));
	EXPECT_EQ(0, view.scan.busy);
	EXPECT_EQ(0, view.leases + view.pins);
	lease = lease_take(other);
	ASSERT_LE(0, lease);
	ASSERT_EQ(0, scan_view(self->lease, other, 0, 0, BUF, &view));
	EXPECT_EQ(0, view.scan.busy);
	EXPECT_EQ(1, view.leases);
	EXPECT_EQ(0, view.pins);
}

/* What a pin holds beyond its lease's range is found there too. */
TEST_F(dax, pin_beyond_its_lease)
{
	struct scan_view view;
	struct huge h;
	uint32_t id;

	if (!prepare(_metadata, self, &h))
		SKIP(return, "no aligned 2 MiB of blocks");
	ASSERT_EQ(0, lease_acquire(self->lease, h.fd, h.off, 16 * PAGE_SZ, NULL));
	ASSERT_EQ(0, testdev_pin(self->dev, page_of(h.map, 7), 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, scan_view(self->lease, h.fd, h.off, 0, BUF, &view));
	ASSERT_EQ(1, view.pins);
	if (view.pin[0].pages == 1)
		SKIP(return, "the kernel did not map a 2 MiB folio");
	ASSERT_EQ(0, scan_view(self->lease, h.fd, h.off + 100 * PAGE_SZ, 1, BUF, &view));
	EXPECT_EQ(DAXLEASE_BUSY_PINNED, view.scan.busy);
	EXPECT_EQ(1, view.leases);
	EXPECT_EQ(1, view.pins);
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	ASSERT_EQ(0, scan_view(self->lease, h.fd, h.off + 100 * PAGE_SZ, 1, BUF, &view));
	EXPECT_EQ(0, view.leases);
}

/* Half of the leases and pins touch one half of the file, the others the other. */
TEST_F(dax, many_records_in_buffers_of_any_size)
{
	const unsigned long half = FILE_PAGES / 2 * PAGE_SZ;
	uint32_t id;
	int lease;

	for (int i = 0; i < 2 * LEASES; i++) {
		lease = lease_open();
		ASSERT_LE(0, lease);
		ASSERT_EQ(0, lease_acquire(lease, self->fd, i % 2 * half, half, NULL));
	}
	for (int i = 0; i < PINS; i++) {
		ASSERT_EQ(0, pin_pages(i, 1, TESTDEV_PIN_WRITE, &id));
		ASSERT_EQ(0, pin_pages(FILE_PAGES / 2 + i, 1, TESTDEV_PIN_WRITE, &id));
	}
	for (uint32_t len = sizeof(struct daxlease_lease_record) + PATH_LEN; len < 4096;
	     len += 136) {
		for (int part = 0; part < 2; part++) {
			struct scan_view view;

			ASSERT_EQ(0, scan_view(self->lease, self->fd, part * half, half, len,
					       &view));
			EXPECT_EQ(DAXLEASE_BUSY_PINNED, view.scan.busy);
			EXPECT_EQ(part * half, view.scan.first);
			EXPECT_EQ(LEASES, view.leases);
			EXPECT_EQ(PINS, view.pins);
			EXPECT_EQ(0, view.disorder);
			EXPECT_LT(1, view.calls);
			for (unsigned int i = 0; i < view.leases; i++)
				EXPECT_EQ(part * half, view.lease[i].start);
		}
	}
}

/* Without room for them there are no records, and the buffer is not touched. */
TEST_F(dax, verdict_alone)
{
	struct daxlease_scan scan = {
		.size = sizeof(scan),
		.fd = self->fd,
		.buf = ~0ULL,
		.used = 1,
		.lease_cursor = 17,
		.pin_cursor = 4,
	};
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(3, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, ioctl(self->lease, DAXLEASE_SCAN, &scan));
	EXPECT_EQ(DAXLEASE_BUSY_PINNED, scan.busy);
	EXPECT_EQ(0, scan.used);
	EXPECT_EQ(17, scan.lease_cursor);
	EXPECT_EQ(4, scan.pin_cursor);
}

struct look {
	int lease;
	int fd;
	unsigned int leases;
	unsigned int pins;
};

/* As another user, through that lease fd, or one of its own. */
static long look_as_other(void *arg)
{
	struct look *look = arg;
	struct scan_view view;
	int ret;

	if (look->lease < 0)
		look->lease = lease_open();
	if (look->lease < 0 || setresgid(1234, 1234, 1234) || setresuid(1234, 1234, 1234))
		return -errno;
	ret = scan_view(look->lease, look->fd, 0, 0, BUF, &view);
	look->leases = view.leases;
	look->pins = view.pins;
	return ret ? ret : (long)view.scan.busy;
}

TEST_F(dax, other_users_hear_the_verdict)
{
	struct look look = { .lease = -1, .fd = self->fd };
	struct peer peer;
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(3, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, peer_start_inherit(&peer));
	EXPECT_EQ(DAXLEASE_BUSY_PINNED, peer_call(&peer, look_as_other, &look, sizeof(look)));
	EXPECT_EQ(0, look.leases);
	EXPECT_EQ(0, look.pins);
	peer_stop(&peer);
	/* And see the lease of their lease fd. */
	look.lease = self->lease;
	ASSERT_LE(0, lease_take(self->fd));
	ASSERT_EQ(0, peer_start_inherit(&peer));
	EXPECT_EQ(DAXLEASE_BUSY_PINNED, peer_call(&peer, look_as_other, &look, sizeof(look)));
	EXPECT_EQ(1, look.leases);
	EXPECT_EQ(1, look.pins);
	peer_stop(&peer);
}

TEST_HARNESS_MAIN
