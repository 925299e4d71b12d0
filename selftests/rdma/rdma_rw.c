// SPDX-License-Identifier: GPL-2.0
/*
 * RDMA into and out of a leased file: what a device writes is what read(2)
 * sees, also after the filesystem was unmounted and mounted again.
 */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"
#include "rdma.h"

#define RDMA_PAGES	64UL
#define RDMA_SIZE	(RDMA_PAGES * PAGE_SZ)
#define SEED		20

struct buffers {
	struct rdma rdma;
	char path[PATH_LEN];
	int fd;
	char *map;
	char *anon;
	struct ibv_mr *anon_mr;
	struct ibv_mr *file_mr;
};

/* Without queue pairs nothing of the uverbs file is mapped. */
static bool prepare(struct __test_metadata *_metadata, struct dax_test *self,
		    struct buffers *b, int with_qp)
{
	int ret;

	memset(b, 0, sizeof(*b));
	ret = rdma_open(&b->rdma, with_qp);
	if (ret == -ENODEV)
		return false;
	ASSERT_EQ(0, ret);
	other_path(b->path, "rdma");
	b->fd = file_create(b->path, RDMA_SIZE, FILE_SEED);
	ASSERT_LE(0, b->fd);
	b->map = file_map(b->fd, RDMA_SIZE, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, b->map);
	b->anon = mmap(NULL, RDMA_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, b->anon);
	pattern_fill(b->anon, RDMA_SIZE, 0, SEED);
	b->anon_mr = rdma_reg(&b->rdma, b->anon, RDMA_SIZE, RDMA_ACCESS);
	ASSERT_NE(NULL, b->anon_mr);
	return true;
}

#define prepare_or_skip(b, with_qp) do {			\
	if (!prepare(_metadata, self, b, with_qp))		\
		SKIP(return, "no device %s", rdma_device());	\
} while (0)

static void register_file(struct __test_metadata *_metadata, struct dax_test *self,
			  struct buffers *b)
{
	ASSERT_EQ(0, lease_acquire(self->lease, b->fd, 0, 0, NULL));
	b->file_mr = rdma_reg(&b->rdma, b->map, RDMA_SIZE, RDMA_ACCESS);
	ASSERT_NE(NULL, b->file_mr);
}

TEST_F(dax, write_read_back_and_remount)
{
	struct buffers b;
	int fd;

	prepare_or_skip(&b, 1);
	register_file(_metadata, self, &b);
	ASSERT_EQ(0, rdma_transfer(&b.rdma, IBV_WR_RDMA_WRITE, b.anon_mr, b.anon,
				   b.file_mr, b.map, RDMA_SIZE));
	EXPECT_EQ(1, file_matches(b.fd, 0, RDMA_SIZE, SEED));
	ASSERT_EQ(0, fsync(b.fd));
	ASSERT_EQ(0, ibv_dereg_mr(b.file_mr));
	ASSERT_EQ(0, ibv_dereg_mr(b.anon_mr));
	ASSERT_EQ(0, lease_release(self->lease));
	rdma_close(&b.rdma);

	/* Nothing of the test may keep the filesystem busy. */
	ASSERT_EQ(0, munmap(b.map, RDMA_SIZE));
	ASSERT_EQ(0, close(b.fd));
	ASSERT_EQ(0, munmap(self->map, FILE_SIZE));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, fs_umount(variant->fs));
	ASSERT_EQ(0, fs_mount(variant->fs));
	fd = open(b.path, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, file_matches(fd, 0, RDMA_SIZE, SEED));
}

TEST_F(dax, read)
{
	struct buffers b;

	prepare_or_skip(&b, 1);
	register_file(_metadata, self, &b);
	ASSERT_EQ(0, rdma_transfer(&b.rdma, IBV_WR_RDMA_READ, b.anon_mr, b.anon,
				   b.file_mr, b.map, RDMA_SIZE));
	EXPECT_TRUE(pattern_match(b.anon, RDMA_SIZE, 0, FILE_SEED));
}

/* The file as the source of a write and as the target of a read. */
TEST_F(dax, file_is_local)
{
	struct buffers b;

	prepare_or_skip(&b, 1);
	register_file(_metadata, self, &b);
	ASSERT_EQ(0, rdma_transfer(&b.rdma, IBV_WR_RDMA_READ, b.file_mr, b.map,
				   b.anon_mr, b.anon, RDMA_SIZE / 2));
	EXPECT_EQ(1, file_matches(b.fd, 0, RDMA_SIZE / 2, SEED));
	EXPECT_EQ(1, file_matches(b.fd, RDMA_SIZE / 2, RDMA_SIZE / 2, FILE_SEED));
	ASSERT_EQ(0, rdma_transfer(&b.rdma, IBV_WR_RDMA_WRITE, b.file_mr,
				   b.map + RDMA_SIZE / 2, b.anon_mr,
				   b.anon + RDMA_SIZE / 2, RDMA_SIZE / 2));
	EXPECT_TRUE(pattern_match(b.anon + RDMA_SIZE / 2, RDMA_SIZE / 2, RDMA_SIZE / 2,
				  FILE_SEED));
}

TEST_F(dax, read_only_registration)
{
	struct lease_view view;
	struct buffers b;
	struct stat st;

	prepare_or_skip(&b, 1);
	ASSERT_EQ(0, lease_acquire(self->lease, b.fd, 0, 0, NULL));
	b.file_mr = rdma_reg(&b.rdma, b.map, RDMA_SIZE, IBV_ACCESS_REMOTE_READ);
	ASSERT_NE(NULL, b.file_mr);
	ASSERT_EQ(0, fstat(b.fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	EXPECT_EQ(0, view.pin[0].flags & DAXLEASE_PIN_WRITABLE);
	ASSERT_EQ(0, rdma_transfer(&b.rdma, IBV_WR_RDMA_READ, b.anon_mr, b.anon,
				   b.file_mr, b.map, RDMA_SIZE));
	EXPECT_TRUE(pattern_match(b.anon, RDMA_SIZE, 0, FILE_SEED));
}

TEST_F(dax, without_a_lease)
{
	struct buffers b;

	prepare_or_skip(&b, 1);
	EXPECT_EQ(NULL, rdma_reg(&b.rdma, b.map, RDMA_SIZE, RDMA_ACCESS));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(NULL, rdma_reg(&b.rdma, b.map, PAGE_SZ, IBV_ACCESS_REMOTE_READ));
	EXPECT_EQ(EOPNOTSUPP, errno);
}

TEST_F(dax, attribution)
{
	char comm[16] = { 0 }, uverbs[64];
	struct lease_view view;
	struct buffers b;
	struct stat st;

	prepare_or_skip(&b, 1);
	register_file(_metadata, self, &b);
	ASSERT_EQ(0, fstat(b.fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	ASSERT_EQ(1, view.pins);
	EXPECT_EQ(1, view.lease.pins);
	EXPECT_EQ(RDMA_PAGES, view.lease.pinned_pages);
	EXPECT_EQ(DAXLEASE_PIN_RDMA, view.pin[0].kind);
	EXPECT_STREQ(rdma_device(), view.pin[0].owner);
	ASSERT_EQ(0, fd_path(b.rdma.ctx->cmd_fd, uverbs, sizeof(uverbs)));
	EXPECT_STREQ(uverbs, view.pin[0].owner_file);
	EXPECT_EQ(getpid(), view.pin[0].pid);
	EXPECT_EQ(getuid(), view.pin[0].uid);
	read_text("/proc/self/comm", comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = 0;
	EXPECT_STREQ(comm, view.pin[0].comm);
	EXPECT_EQ(RDMA_PAGES, view.pin[0].pages);
	EXPECT_EQ(0, view.pin[0].start);
	EXPECT_EQ(RDMA_SIZE, view.pin[0].end);
	EXPECT_EQ(1, view.pin[0].runs);
	EXPECT_NE(0, view.pin[0].flags & DAXLEASE_PIN_WRITABLE);
}

TEST_F(dax, changes_while_the_region_lives)
{
	struct change c;
	struct buffers b;

	prepare_or_skip(&b, 1);
	register_file(_metadata, self, &b);
	c = change_of(b.path, NULL, PAGE_SZ, PAGE_SZ);
	EXPECT_EQ(-ETXTBSY, in_child(change_truncate, &c, sizeof(c)));
	EXPECT_EQ(-ETXTBSY, in_child(change_punch, &c, sizeof(c)));
	EXPECT_EQ(-ETXTBSY, in_child(change_open_trunc, &c, sizeof(c)));
	EXPECT_EQ(-EDEADLK, change_punch(&c));
	EXPECT_EQ(0, in_child(change_append, &c, sizeof(c)));
	ASSERT_EQ(0, ibv_dereg_mr(b.file_mr));
	EXPECT_EQ(0, change_punch(&c));
	ASSERT_EQ(0, lease_release(self->lease));
	EXPECT_EQ(0, in_child(change_truncate, &c, sizeof(c)));
}

/* The region belongs to the uverbs file: it outlives its maker. */
TEST_F(dax, uverbs_file_passed_on)
{
	struct change c = change_of(self->path, NULL, 0, PAGE_SZ);
	struct lease_view view;
	int32_t pids[4] = { 0 };
	struct buffers b;
	struct peer peer;
	struct stat st;
	int fd;

	prepare_or_skip(&b, 0);
	register_file(_metadata, self, &b);
	ASSERT_EQ(0, fstat(b.fd, &st));
	ASSERT_EQ(0, peer_start(&peer));
	fd = peer_give_fd(&peer, b.rdma.ctx->cmd_fd);
	ASSERT_LE(0, fd);
	/* Here the last use of it: the peer alone holds it now. */
	ASSERT_EQ(0, close(b.rdma.ctx->cmd_fd));
	snprintf(c.path, PATH_LEN, "%s", b.path);
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	EXPECT_EQ(1, view.pins);
	EXPECT_EQ(getpid(), view.pin[0].pid);
	EXPECT_EQ(RDMA_PAGES, view.pin[0].pages);
	EXPECT_EQ(-ETXTBSY, in_child(change_punch, &c, sizeof(c)));
	ASSERT_EQ(1, lease_openers(self->lease, view.pin[0].id, pids, sizeof(pids)));
	EXPECT_EQ(peer.pid, pids[0]);

	peer_kill(&peer);
	EXPECT_TRUE(wait_leases(1, 0));
	ASSERT_EQ(0, lease_release(self->lease));
	EXPECT_EQ(0, in_child(change_punch, &c, sizeof(c)));
}

/* Who has made the region is gone; who keeps it is found by the file that it goes with. */
TEST_F(dax, the_maker_is_killed)
{
	struct change c = change_of(self->path, NULL, 0, PAGE_SZ);
	char comm[16] = { 0 }, uverbs[64];
	struct peer maker, heir;
	struct lease_view view;
	int32_t pids[4] = { 0 };
	struct stat st;
	int fd, n;

	ASSERT_EQ(0, peer_start(&heir));
	ASSERT_EQ(0, peer_start(&maker));
	fd = peer_call(&maker, rdma_hold_region, self->path, sizeof(self->path));
	if (fd == -ENODEV)
		SKIP(return, "no device %s", rdma_device());
	ASSERT_LE(0, fd);
	fd = peer_get_fd(&maker, fd);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fd_path(fd, uverbs, sizeof(uverbs)));
	ASSERT_LE(0, peer_give_fd(&heir, fd));
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	ASSERT_EQ(1, view.pins);
	EXPECT_EQ(maker.pid, view.pin[0].pid);
	n = lease_openers(self->lease, view.pin[0].id, pids, sizeof(pids));
	ASSERT_EQ(2, n);
	EXPECT_TRUE(lease_opened_by(pids, n, maker.pid));
	EXPECT_TRUE(lease_opened_by(pids, n, heir.pid));

	peer_kill(&maker);
	ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
	ASSERT_EQ(1, view.pins);
	EXPECT_EQ(DAXLEASE_STATE_ORPHANED, view.lease.state);
	EXPECT_EQ(0, view.pin[0].pid);
	EXPECT_EQ(FILE_PAGES, view.pin[0].pages);
	EXPECT_STREQ(uverbs, view.pin[0].owner_file);
	read_text("/proc/self/comm", comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = 0;
	EXPECT_STREQ(comm, view.pin[0].comm);
	EXPECT_EQ(-ETXTBSY, in_child(change_punch, &c, sizeof(c)));
	ASSERT_EQ(1, lease_openers(self->lease, view.pin[0].id, pids, sizeof(pids)));
	EXPECT_EQ(heir.pid, pids[0]);

	peer_kill(&heir);
	EXPECT_TRUE(wait_leases(0, 0));
	EXPECT_EQ(0, in_child(change_punch, &c, sizeof(c)));
}

TEST_F(dax, anonymous_and_file_in_one_region)
{
	struct daxlease_stats stats;
	struct buffers b;
	struct ibv_mr *mr;

	prepare_or_skip(&b, 1);
	ASSERT_EQ(0, lease_acquire(self->lease, b.fd, 0, 0, NULL));
	ASSERT_NE(MAP_FAILED, mmap(b.map, RDMA_SIZE / 2, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	mr = rdma_reg(&b.rdma, b.map, RDMA_SIZE, RDMA_ACCESS);
	ASSERT_NE(NULL, mr);
	ASSERT_EQ(0, lease_stats(&stats));
	EXPECT_EQ(RDMA_PAGES / 2, stats.pinned_pages);
	ASSERT_EQ(0, rdma_transfer(&b.rdma, IBV_WR_RDMA_WRITE, b.anon_mr, b.anon,
				   mr, b.map, RDMA_SIZE));
	EXPECT_EQ(1, file_matches(b.fd, RDMA_SIZE / 2, RDMA_SIZE / 2, SEED));
	EXPECT_EQ(1, file_matches(b.fd, 0, RDMA_SIZE / 2, FILE_SEED));
}

/* Longer than what is pinned in one batch. */
TEST_F(dax, large_region)
{
	const size_t size = 8 << 20;
	struct daxlease_stats stats;
	char path[PATH_LEN];
	struct buffers b;
	struct ibv_mr *mr;
	char *map;
	int fd;

	prepare_or_skip(&b, 1);
	other_path(path, "large");
	fd = file_create(path, size, FILE_SEED);
	ASSERT_LE(0, fd);
	map = file_map(fd, size, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, lease_acquire(self->lease, fd, 0, 0, NULL));
	mr = rdma_reg(&b.rdma, map, size, RDMA_ACCESS);
	ASSERT_NE(NULL, mr);
	ASSERT_EQ(0, lease_stats(&stats));
	EXPECT_EQ(1, stats.pins);
	EXPECT_EQ(size / PAGE_SZ, stats.pinned_pages);
	ASSERT_EQ(0, rdma_transfer(&b.rdma, IBV_WR_RDMA_WRITE, b.anon_mr, b.anon,
				   mr, map + size - RDMA_SIZE, RDMA_SIZE));
	EXPECT_EQ(0, memcmp(map + size - RDMA_SIZE, b.anon, RDMA_SIZE));
	ASSERT_EQ(0, ibv_dereg_mr(mr));
	EXPECT_EQ(0, lease_pinned_pages());
}

TEST_HARNESS_MAIN
