// SPDX-License-Identifier: GPL-2.0
/* Registered buffers in a leased file count against RLIMIT_MEMLOCK as all others. */
#include "actor.h"
#include "creds.h"
#include "dax_fixture.h"
#include "huge_file.h"
#include "uring.h"

#include <sys/resource.h>

#define USER	1000
#define LIMIT	6
#define SLOTS	4

/* A process that is the owner of the file, and has this limit. */
struct user {
	char path[PATH_LEN];
	unsigned int limit;
	off_t off;
	size_t size;
	const char *caps;
};

static struct io_uring rings[2];
static char *map;

/* Opens what it needs as root and then becomes the user; takes a lease. */
static long user_start(void *arg)
{
	struct user *u = arg;
	const struct creds creds = { .uid = USER, .gid = USER, .caps = u->caps };
	struct rlimit limit = { u->limit * PAGE_SZ, u->limit * PAGE_SZ };
	char *reserved;
	int fd, lease, ret;

	fd = open(u->path, O_RDWR | O_CLOEXEC);
	lease = lease_open();
	if (fd < 0 || lease < 0 || fchown(fd, USER, USER))
		return -EBADF;
	/* Aligned, for a folio that is. */
	reserved = mmap(NULL, u->size + HUGE_SZ, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reserved = (char *)(((uintptr_t)reserved + HUGE_SZ - 1) & -HUGE_SZ);
	map = mmap(reserved, u->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, u->off);
	if (map == MAP_FAILED || setrlimit(RLIMIT_MEMLOCK, &limit))
		return -ENOMEM;
	ret = creds_become(&creds);
	for (int i = 0; i < 2 && !ret; i++)
		ret = uring_open(&rings[i]);
	if (!ret)
		ret = io_uring_register_buffers_sparse(&rings[0], SLOTS);
	return ret ? ret : lease_acquire(lease, fd, 0, 0, NULL);
}

struct reg {
	unsigned int slot;
	unsigned int page;
	unsigned int pages;
};

/* No pages: the slot is emptied. */
static long user_reg(void *arg)
{
	struct reg *r = arg;

	if (!r->pages)
		return uring_update(&rings[0], r->slot, NULL, 0);
	return uring_update(&rings[0], r->slot, page_of(map, r->page), r->pages * PAGE_SZ);
}

static long user_clone(void *unused)
{
	(void)unused;
	return io_uring_clone_buffers(&rings[1], &rings[0]);
}

static long user_unregister(void *ring)
{
	return io_uring_unregister_buffers(&rings[*(int *)ring]);
}

static void start(struct __test_metadata *_metadata, struct peer *peer, struct user u,
		  const char *path)
{
	snprintf(u.path, PATH_LEN, "%s", path);
	ASSERT_EQ(0, peer_start(peer));
	ASSERT_EQ(0, peer_call(peer, user_start, &u, sizeof(u)));
}

#define start_or_skip(peer, ...) do {					\
	if (uring_missing())						\
		SKIP(return, "io_uring: %s", uring_missing());		\
	start(_metadata, peer, (struct user){ .size = FILE_SIZE, __VA_ARGS__ }, self->path); \
} while (0)

static long reg(struct peer *peer, unsigned int slot, unsigned int page, unsigned int pages)
{
	struct reg r = { slot, page, pages };

	return peer_call(peer, user_reg, &r, sizeof(r));
}

static void pinned_are(struct __test_metadata *_metadata, struct dax_test *self,
		       unsigned int pages)
{
	EXPECT_EQ(pages, lease_pinned_pages());
	EXPECT_TRUE(wait_foll_pins(self->foll_pins + pages));
}

TEST_F(dax, up_to_the_limit)
{
	struct peer peer;

	start_or_skip(&peer, .limit = LIMIT);
	EXPECT_EQ(-ENOMEM, reg(&peer, 0, 0, LIMIT + 1));
	pinned_are(_metadata, self, 0);
	EXPECT_EQ(0, reg(&peer, 0, 0, LIMIT - 1));
	EXPECT_EQ(-ENOMEM, reg(&peer, 1, 8, 2));
	pinned_are(_metadata, self, LIMIT - 1);
	EXPECT_EQ(0, reg(&peer, 1, 8, 1));
	/* Nor the same page once more. */
	EXPECT_EQ(-ENOMEM, reg(&peer, 2, 8, 1));
	pinned_are(_metadata, self, LIMIT);
	/* What is given back can be had again. */
	EXPECT_EQ(0, reg(&peer, 0, 0, 0));
	pinned_are(_metadata, self, 1);
	EXPECT_EQ(0, reg(&peer, 0, 2, LIMIT - 1));
	pinned_are(_metadata, self, LIMIT);
	peer_stop(&peer);
	EXPECT_TRUE(wait_leases(0, 0));
}

/* The user's budget, not the ring's: it comes back when a ring is gone. */
TEST_F(dax, the_next_process_has_all_of_it)
{
	struct peer peer;

	for (int i = 0; i < 3; i++) {
		start_or_skip(&peer, .limit = LIMIT);
		EXPECT_EQ(0, reg(&peer, 0, 0, LIMIT));
		EXPECT_EQ(-ENOMEM, reg(&peer, 1, 0, 1));
		peer_kill(&peer);
		ASSERT_TRUE(wait_leases(0, 0));
	}
}

TEST_F(dax, cap_ipc_lock)
{
	struct peer peer;

	start_or_skip(&peer, .limit = 0, .caps = "cap_ipc_lock=ep");
	EXPECT_EQ(0, reg(&peer, 0, 0, FILE_PAGES));
	pinned_are(_metadata, self, FILE_PAGES);
	peer_stop(&peer);
	EXPECT_TRUE(wait_leases(0, 0));
}

/* A refusal costs no budget. */
TEST_F(dax, refused_pins_cost_nothing)
{
	struct peer peer;

	start_or_skip(&peer, .limit = LIMIT);
	/* The mapping ends there. */
	for (int i = 0; i < 4 * LIMIT; i++)
		EXPECT_GT(0, reg(&peer, 1, FILE_PAGES - 1, 2));
	EXPECT_EQ(0, reg(&peer, 1, 0, LIMIT));
	pinned_are(_metadata, self, LIMIT);
	peer_stop(&peer);
	EXPECT_TRUE(wait_leases(0, 0));
}

/* One buffer of two rings is paid for and accounted once. */
TEST_F(dax, cloned)
{
	struct peer peer;
	int ring;

	start_or_skip(&peer, .limit = LIMIT);
	EXPECT_EQ(0, reg(&peer, 0, 0, LIMIT));
	EXPECT_EQ(0, peer_call(&peer, user_clone, NULL, 0));
	pinned_are(_metadata, self, LIMIT);
	ring = 0;
	EXPECT_EQ(0, peer_call(&peer, user_unregister, &ring, sizeof(ring)));
	pinned_are(_metadata, self, LIMIT);
	ring = 1;
	EXPECT_EQ(0, peer_call(&peer, user_unregister, &ring, sizeof(ring)));
	pinned_are(_metadata, self, 0);
	peer_stop(&peer);
	EXPECT_TRUE(wait_leases(0, 0));
}

/* One page of a 2 MiB folio costs all of it, once. */
TEST_F(dax, huge_folio)
{
	struct peer peer;
	struct huge h;

	if (uring_missing())
		SKIP(return, "io_uring: %s", uring_missing());
	if (!prepare(_metadata, self, &h))
		SKIP(return, "no aligned 2 MiB of blocks");
	start(_metadata, &peer, (struct user){ .limit = HUGE_PAGES + 1, .off = h.off,
					       .size = HUGE_SZ }, h.path);
	EXPECT_EQ(0, reg(&peer, 0, 7, 1));
	if (lease_pinned_pages() == 1) {
		peer_stop(&peer);
		SKIP(return, "the kernel did not map a 2 MiB folio");
	}
	EXPECT_EQ(0, reg(&peer, 1, 9, 1));
	EXPECT_EQ(2 * HUGE_PAGES, lease_pinned_pages());
	EXPECT_EQ(0, reg(&peer, 0, 0, 0));
	EXPECT_EQ(0, reg(&peer, 1, 0, 0));
	EXPECT_EQ(0, lease_pinned_pages());
	peer_stop(&peer);

	start(_metadata, &peer, (struct user){ .limit = HUGE_PAGES - 1, .off = h.off,
					       .size = HUGE_SZ }, h.path);
	EXPECT_EQ(-ENOMEM, reg(&peer, 0, 7, 1));
	pinned_are(_metadata, self, 0);
	peer_stop(&peer);
	EXPECT_TRUE(wait_leases(0, 0));
}

TEST_HARNESS_MAIN
