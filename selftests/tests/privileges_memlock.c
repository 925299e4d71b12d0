// SPDX-License-Identifier: GPL-2.0
/* A lease does not lift RLIMIT_MEMLOCK: who may not lock pages may not pin them. */
#include "actor.h"
#include "creds.h"
#include "dax_fixture.h"
#include "rdma.h"

#include <sys/resource.h>

#define USER	1234
#define LIMIT	6

/* Registrations of a process that has this limit, and these capabilities. */
struct pinner {
	char path[PATH_LEN];
	unsigned int limit;
	const char *caps;
};

static struct rdma rdma;
static struct ibv_mr *mr[4];
static char *map;

/* Opens all it needs as root and then becomes the user; takes a lease. */
static long pinner_start(void *arg)
{
	struct pinner *p = arg;
	const struct creds creds = { .uid = USER, .gid = USER, .caps = p->caps };
	struct rlimit limit = { p->limit * PAGE_SZ, p->limit * PAGE_SZ };
	int fd, lease, ret;

	ret = rdma_open(&rdma, 0);
	if (ret)
		return ret;
	fd = open(p->path, O_RDWR | O_CLOEXEC);
	lease = lease_open();
	if (fd < 0 || lease < 0 || fchown(fd, USER, USER))
		return -EBADF;
	map = file_map(fd, FILE_SIZE, PROT_READ | PROT_WRITE);
	if (!map || setrlimit(RLIMIT_MEMLOCK, &limit))
		return -ENOMEM;
	ret = creds_become(&creds);
	return ret ? ret : lease_acquire(lease, fd, 0, 0, NULL);
}

struct reg {
	unsigned int slot;
	unsigned int page;
	unsigned int pages;
};

static long pinner_reg(void *arg)
{
	struct reg *r = arg;

	errno = 0;
	mr[r->slot] = rdma_reg(&rdma, page_of(map, r->page), r->pages * PAGE_SZ, RDMA_ACCESS);
	return mr[r->slot] ? 0 : -errno;
}

static long pinner_dereg(void *arg)
{
	struct reg *r = arg;

	return -ibv_dereg_mr(mr[r->slot]);
}

static bool start(struct __test_metadata *_metadata, struct dax_test *self, struct peer *peer,
		  unsigned int limit, const char *caps)
{
	struct pinner p = { .limit = limit, .caps = caps };
	long ret;

	memcpy(p.path, self->path, PATH_LEN);
	ASSERT_EQ(0, peer_start(peer));
	ret = peer_call(peer, pinner_start, &p, sizeof(p));
	if (ret == -ENODEV)
		return false;
	ASSERT_EQ(0, ret);
	return true;
}

#define start_or_skip(peer, limit, caps) do {				\
	if (!start(_metadata, self, peer, limit, caps))			\
		SKIP(return, "no device %s", rdma_device());		\
} while (0)

static long call(struct peer *peer, peer_fn fn, unsigned int slot, unsigned int page,
		 unsigned int pages)
{
	struct reg r = { slot, page, pages };

	return peer_call(peer, fn, &r, sizeof(r));
}

#define reg(peer, slot, page, pages)	call(peer, pinner_reg, slot, page, pages)
#define dereg(peer, slot)		call(peer, pinner_dereg, slot, 0, 0)

/* So many pages are pinned, by each count that there is. */
static void pinned_are(struct __test_metadata *_metadata, struct dax_test *self,
		       unsigned int pages)
{
	EXPECT_EQ(pages, lease_pinned_pages());
	EXPECT_TRUE(wait_foll_pins(self->foll_pins + pages));
}

TEST_F(dax, up_to_the_limit)
{
	struct peer peer;

	start_or_skip(&peer, LIMIT, NULL);
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
	EXPECT_EQ(0, dereg(&peer, 0));
	pinned_are(_metadata, self, 1);
	EXPECT_EQ(0, reg(&peer, 0, 2, LIMIT - 1));
	pinned_are(_metadata, self, LIMIT);
	peer_stop(&peer);
	EXPECT_TRUE(wait_foll_pins(self->foll_pins));
}

TEST_F(dax, no_budget_at_all)
{
	struct peer peer;

	start_or_skip(&peer, 0, NULL);
	EXPECT_EQ(-EPERM, reg(&peer, 0, 0, 1));
	pinned_are(_metadata, self, 0);
	peer_stop(&peer);
}

TEST_F(dax, cap_ipc_lock)
{
	struct peer peer;

	start_or_skip(&peer, 0, "cap_ipc_lock=ep");
	EXPECT_EQ(0, reg(&peer, 0, 0, FILE_PAGES));
	pinned_are(_metadata, self, FILE_PAGES);
	peer_stop(&peer);
	EXPECT_TRUE(wait_foll_pins(self->foll_pins));
}

/* All capabilities there, none over this machine's memory. */
TEST_F(dax, user_namespace)
{
	struct peer peer;
	int ret;

	start_or_skip(&peer, LIMIT, NULL);
	ret = peer_userns(&peer, "0 1234 1\n", "0 1234 1\n");
	if (ret == -EOPNOTSUPP)
		SKIP(return, "no user namespaces");
	ASSERT_EQ(0, ret);
	EXPECT_EQ(-ENOMEM, reg(&peer, 0, 0, LIMIT + 1));
	pinned_are(_metadata, self, 0);
	EXPECT_EQ(0, reg(&peer, 0, 0, LIMIT));
	peer_stop(&peer);
	EXPECT_TRUE(wait_foll_pins(self->foll_pins));
}

/* A refusal for want of a lease costs no budget. */
TEST_F(dax, refused_pins_cost_nothing)
{
	struct peer peer, holder;

	start_or_skip(&holder, LIMIT, NULL);
	start_or_skip(&peer, LIMIT, NULL);
	/* Its lease is all that it has for that. */
	EXPECT_EQ(0, reg(&peer, 0, 0, LIMIT));
	EXPECT_EQ(0, dereg(&peer, 0));
	/* Behind the end of the file: not for any budget. */
	for (int i = 0; i < 4 * LIMIT; i++)
		EXPECT_GT(0, reg(&peer, 1, FILE_PAGES - 1, 2));
	EXPECT_EQ(0, reg(&peer, 1, 0, LIMIT));
	pinned_are(_metadata, self, LIMIT);
	peer_stop(&peer);
	peer_stop(&holder);
	EXPECT_TRUE(wait_foll_pins(self->foll_pins));
}

TEST_HARNESS_MAIN
