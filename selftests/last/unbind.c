// SPDX-License-Identifier: GPL-2.0
/*
 * The pmem devices are unbound from their driver while their files are in use:
 * pins that can be taken back are, the others are waited for, and afterwards the
 * filesystem can be unmounted, mounted again, and has what the device wrote.
 *
 * To be run last in a guest that is thrown away: where something goes wrong the
 * filesystem is left mounted on memory that is gone.
 */
#include "dax_fixture.h"
#include "event.h"
#include "huge_file.h"
#include "peer.h"
#include "rdma.h"

#include <libgen.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#define DRIVER		"/sys/bus/nd/drivers/nd_pmem/"
#define PINNED		3
#define ROUNDS		100

/* A device, and the process that unbinds it. */
struct removal {
	char name[PATH_LEN];
	struct peer peer;
};

/* The device's name on its bus, such as "pfn0.1". */
static int device_name(int fd, char *name)
{
	char path[PATH_LEN], link[PATH_LEN];
	struct stat st;
	ssize_t len;

	if (fstat(fd, &st))
		return -errno;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/device", major(st.st_dev),
		 minor(st.st_dev));
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return -errno;
	link[len] = 0;
	snprintf(name, PATH_LEN, "%s", basename(link));
	return 0;
}

static long unbind(void *name)
{
	return write_text(DRIVER "unbind", name);
}

/* Nobody has mapped the file in the test's process: xfs would have it killed. */
static void removal_begin(struct __test_metadata *_metadata, struct dax_test *self,
			  struct removal *r)
{
	ASSERT_EQ(0, munmap(self->map, FILE_SIZE));
	ASSERT_EQ(0, device_name(self->fd, r->name));
	ASSERT_EQ(0, peer_start(&r->peer));
	ASSERT_EQ(0, peer_post(&r->peer, unbind, r->name, sizeof(r->name)));
}

/* For that time the device with the pin goes on, in memory that is still there. */
static void removal_waits(struct __test_metadata *_metadata, struct dax_test *self,
			  struct removal *r, uint32_t id)
{
	char page[PAGE_SZ];

	ASSERT_TRUE(wait_blocked_in(r->peer.pid, __NR_write));
	for (int i = 1; i <= ROUNDS; i++) {
		memset(page, i, PAGE_SZ);
		ASSERT_EQ(0, testdev_write(self->dev, id, PAGE_SZ, page, PAGE_SZ));
		memset(page, 0, PAGE_SZ);
		ASSERT_EQ(0, testdev_read(self->dev, id, PAGE_SZ, page, PAGE_SZ));
		ASSERT_EQ(i, page[PAGE_SZ - 1]);
		ASSERT_FALSE(peer_has_result(&r->peer));
		usleep(20000);
	}
}

static bool umounted(void *fs)
{
	return fs_umount(fs) != -EBUSY;
}

/* What the test has open is closed, and all is as before; opens the file anew. */
static void comes_back(struct __test_metadata *_metadata, struct dax_test *self,
		       const struct dax_fs *fs, struct removal *r)
{
	peer_stop(&r->peer);
	close(self->fd);
	close(self->lease);
	close(self->dev);
	ASSERT_TRUE(wait_leases(0, 0));
	ASSERT_TRUE(wait_until(umounted, (void *)fs));
	ASSERT_EQ(0, write_text(DRIVER "bind", r->name));
	ASSERT_EQ(0, fs_mount(fs));
	self->fd = open(self->path, O_RDWR);
	ASSERT_LE(0, self->fd);
}

TEST_F(dax, a_pin_that_stays_is_waited_for)
{
	struct removal r;
	char page[PAGE_SZ];
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(PINNED, 2, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, fsync(self->fd));
	removal_begin(_metadata, self, &r);
	removal_waits(_metadata, self, &r, id);

	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	ASSERT_EQ(0, peer_result(&r.peer, NULL, 0));
	comes_back(_metadata, self, variant->fs, &r);
	EXPECT_EQ(1, file_matches(self->fd, 0, (PINNED + 1) * PAGE_SZ, FILE_SEED));
	ASSERT_EQ(PAGE_SZ, pread(self->fd, page, PAGE_SZ, (PINNED + 1) * PAGE_SZ));
	EXPECT_EQ(ROUNDS, page[0]);
	EXPECT_EQ(ROUNDS, page[PAGE_SZ - 1]);
	EXPECT_EQ(0, ftruncate(self->fd, 0));
}

/* The folio is clean, so the filesystem would drop its entry, and take it apart. */
TEST_F(dax, a_reader_of_a_huge_folio_is_waited_for)
{
	struct lease_view view;
	char page[PAGE_SZ];
	struct removal r;
	struct huge h;
	struct stat st;
	uint32_t id;

	if (!prepare(_metadata, self, &h))
		SKIP(return, "no aligned 2 MiB of blocks");
	ASSERT_EQ(0, fstat(h.fd, &st));
	ASSERT_EQ(0, lease_acquire(self->lease, h.fd, 0, 0, NULL));
	ASSERT_EQ(0, testdev_pin(self->dev, page_of(h.map, 7), 1, 0, &id));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	if (view.lease.pinned_pages == 1)
		SKIP(return, "the kernel did not map a 2 MiB folio");
	ASSERT_EQ(0, fsync(h.fd));
	ASSERT_EQ(0, munmap(h.map, HUGE_SZ));
	removal_begin(_metadata, self, &r);

	ASSERT_TRUE(wait_blocked_in(r.peer.pid, __NR_write));
	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, testdev_read(self->dev, id, 0, page, PAGE_SZ));
		ASSERT_TRUE(pattern_match(page, PAGE_SZ, h.off + 7 * PAGE_SZ, FILE_SEED));
		ASSERT_FALSE(peer_has_result(&r.peer));
		usleep(20000);
	}
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	ASSERT_EQ(0, peer_result(&r.peer, NULL, 0));
	close(h.fd);
	comes_back(_metadata, self, variant->fs, &r);
}

/* Under an exclusive lease, too: there is nothing to be kept. */
TEST_F(dax, a_revocable_pin_is_taken_back)
{
	struct daxlease_event event;
	struct removal r;
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(PINNED, 2, TESTDEV_PIN_WRITE | TESTDEV_PIN_REVOCABLE, &id));
	ASSERT_EQ(0, fsync(self->fd));
	removal_begin(_metadata, self, &r);
	ASSERT_EQ(0, peer_result(&r.peer, NULL, 0));

	EXPECT_EQ(-EKEYREVOKED, testdev_write(self->dev, id, 0, "w", 1));
	EXPECT_EQ(0, lease_pinned_pages());
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_REVOKED, event.type);
	EXPECT_EQ(DAXLEASE_REASON_DEVICE_GONE, event.reason);
	EXPECT_EQ(PINNED * PAGE_SZ, event.start);
	EXPECT_EQ((PINNED + 2) * PAGE_SZ, event.end);
	ASSERT_EQ(0, event_next(self->lease, &event));
	EXPECT_EQ(DAXLEASE_EVENT_DRAINED, event.type);
	EXPECT_EQ(0, testdev_unpin(self->dev, id));
	comes_back(_metadata, self, variant->fs, &r);
	EXPECT_EQ(1, file_matches(self->fd, 0, FILE_SIZE, FILE_SEED));
}

/* One that can be taken back, and one that is waited for then. */
TEST_F(dax, both_kinds_of_pins)
{
	uint32_t id, revocable;
	struct removal r;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(PINNED, 2, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, pin_pages(PINNED + 1, 4, TESTDEV_PIN_WRITE | TESTDEV_PIN_REVOCABLE,
			       &revocable));
	ASSERT_EQ(0, fsync(self->fd));
	removal_begin(_metadata, self, &r);
	ASSERT_EQ(0, event_wait(self->lease, DAXLEASE_EVENT_REVOKED,
				&(struct daxlease_event){}));
	EXPECT_EQ(-EKEYREVOKED, testdev_write(self->dev, revocable, 0, "w", 1));
	EXPECT_EQ(2, lease_pinned_pages());
	removal_waits(_metadata, self, &r, id);

	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	ASSERT_EQ(0, peer_result(&r.peer, NULL, 0));
	comes_back(_metadata, self, variant->fs, &r);
}

TEST_F(dax, a_memory_region_is_taken_back)
{
	struct removal r;
	struct ibv_mr *mr;
	struct rdma rdma;
	int ret;

	ret = rdma_open(&rdma, 0);
	if (ret == -ENODEV)
		SKIP(return, "no device %s", rdma_device());
	ASSERT_EQ(0, ret);
	acquire_whole();
	mr = rdma_reg(&rdma, self->map, FILE_SIZE, RDMA_ACCESS);
	ASSERT_NE(NULL, mr);
	ASSERT_EQ(FILE_PAGES, lease_pinned_pages());
	removal_begin(_metadata, self, &r);
	ASSERT_EQ(0, peer_result(&r.peer, NULL, 0));
	EXPECT_EQ(0, lease_pinned_pages());
	EXPECT_EQ(0, ibv_dereg_mr(mr));
	rdma_close(&rdma);
	comes_back(_metadata, self, variant->fs, &r);
}

/* What the mapping of a file that is in use shows, for as long as it can. */
static long map_and_touch(void *path)
{
	volatile char *map;
	int fd = open(path, O_RDWR);

	if (fd < 0)
		return -errno;
	map = file_map(fd, FILE_SIZE, PROT_READ | PROT_WRITE);
	if (!map)
		return -ENOMEM;
	for (int i = 0; i < FILE_PAGES; i++)
		map[i * PAGE_SZ] = map[i * PAGE_SZ];
	return (long)map;
}

static long touch(void *map)
{
	return **(volatile char **)map;
}

/* Nothing is pinned, so nobody is waited for, and no page table keeps a page. */
TEST_F(dax, a_mapped_file)
{
	struct removal r;
	struct peer user;
	long map;

	ASSERT_EQ(0, peer_start(&user));
	map = peer_call(&user, map_and_touch, self->path, sizeof(self->path));
	ASSERT_LT(0, map);
	removal_begin(_metadata, self, &r);
	ASSERT_EQ(0, peer_result(&r.peer, NULL, 0));
	EXPECT_EQ(-ECONNRESET, peer_call(&user, touch, &map, sizeof(map)));
	peer_kill(&user);
	comes_back(_metadata, self, variant->fs, &r);
	EXPECT_EQ(1, file_matches(self->fd, 0, FILE_SIZE, FILE_SEED));
}

TEST_HARNESS_MAIN
