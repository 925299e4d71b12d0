// SPDX-License-Identifier: GPL-2.0
/*
 * One registration over anonymous memory and two files: each part by its own
 * rule, all or nothing.
 */
#include "actor.h"
#include "dax_fixture.h"

#define PART	4UL
#define PARTS	4

struct mixed {
	int fd[2];
	int lease[2];
	/* Anonymous, first file, second file, anonymous. */
	char *map;
};

static void mixed_make(struct __test_metadata *_metadata, struct dax_test *self,
		       struct mixed *m)
{
	char path[PATH_LEN];

	other_path(path, "second");
	m->fd[0] = self->fd;
	m->fd[1] = file_create(path, FILE_SIZE, 2);
	ASSERT_LE(0, m->fd[1]);
	m->lease[0] = self->lease;
	m->lease[1] = lease_open();
	ASSERT_LE(0, m->lease[1]);

	m->map = mmap(NULL, PARTS * PART * PAGE_SZ, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, m->map);
	memset(m->map, 0, PARTS * PART * PAGE_SZ);
	for (int i = 0; i < 2; i++)
		ASSERT_NE(MAP_FAILED,
			  mmap(page_of(m->map, (i + 1) * PART), PART * PAGE_SZ,
			       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			       m->fd[i], 0));
}

static void refused(struct __test_metadata *_metadata, struct dax_test *self,
		    struct mixed *m, int err)
{
	uint32_t id;

	EXPECT_EQ(err, testdev_pin(self->dev, m->map, PARTS * PART, TESTDEV_PIN_WRITE, &id));
	EXPECT_EQ(0, lease_pinned_pages());
	EXPECT_TRUE(wait_foll_pins(self->foll_pins));
}

TEST_F(dax, all_leased)
{
	char buf[2 * PAGE_SZ];
	struct lease_view view;
	struct stat st;
	struct mixed m;
	uint32_t id;

	mixed_make(_metadata, self, &m);
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, lease_acquire(m.lease[i], m.fd[i], 0, 0, NULL));
	ASSERT_EQ(0, testdev_pin(self->dev, m.map, PARTS * PART, TESTDEV_PIN_WRITE, &id));

	/* Only the files are accounted for, each under its lease. */
	EXPECT_EQ(2 * PART, lease_pinned_pages());
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, fstat(m.fd[i], &st));
		ASSERT_EQ(1, lease_view_ino(self->lease, st.st_ino, &view));
		EXPECT_EQ(1, view.pins);
		EXPECT_EQ(0, view.pin[0].start);
		EXPECT_EQ(PART * PAGE_SZ, view.pin[0].end);
		EXPECT_EQ(PART, view.pin[0].pages);
	}

	/* The device writes across each border. */
	memset(buf, 0xaa, sizeof(buf));
	for (unsigned long page = PART; page < PARTS * PART; page += PART)
		ASSERT_EQ(0, testdev_write(self->dev, id, (page - 1) * PAGE_SZ, buf,
					   sizeof(buf)));
	for (unsigned long page = PART; page < PARTS * PART; page += PART)
		EXPECT_EQ(0, memcmp(page_of(m.map, page - 1), buf, sizeof(buf)));

	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, lease_pinned_pages());
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(0, lease_release(m.lease[i]));
}

TEST_F(dax, none_leased)
{
	struct mixed m;

	mixed_make(_metadata, self, &m);
	refused(_metadata, self, &m, -EOPNOTSUPP);
}

TEST_F(dax, first_file_not_leased)
{
	struct mixed m;

	mixed_make(_metadata, self, &m);
	ASSERT_EQ(0, lease_acquire(m.lease[1], m.fd[1], 0, 0, NULL));
	refused(_metadata, self, &m, -EOPNOTSUPP);
}

TEST_F(dax, second_file_not_leased)
{
	struct mixed m;

	mixed_make(_metadata, self, &m);
	ASSERT_EQ(0, lease_acquire(m.lease[0], m.fd[0], 0, 0, NULL));
	refused(_metadata, self, &m, -EOPNOTSUPP);
}

TEST_F(dax, second_file_leased_in_part)
{
	struct mixed m;

	mixed_make(_metadata, self, &m);
	ASSERT_EQ(0, lease_acquire(m.lease[0], m.fd[0], 0, 0, NULL));
	ASSERT_EQ(0, lease_acquire(m.lease[1], m.fd[1], 0, (PART - 1) * PAGE_SZ, NULL));
	refused(_metadata, self, &m, -EOPNOTSUPP);
}

TEST_F(dax, second_file_leased_by_another_process)
{
	char path[PATH_LEN];
	struct peer peer;
	struct mixed m;

	mixed_make(_metadata, self, &m);
	ASSERT_EQ(0, lease_acquire(m.lease[0], m.fd[0], 0, 0, NULL));
	other_path(path, "second");
	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_open(&peer, path));
	ASSERT_EQ(0, peer_acquire(&peer, 0, 0));
	refused(_metadata, self, &m, -EOPNOTSUPP);
	peer_stop(&peer);
}

TEST_F(dax, private_part)
{
	struct mixed m;

	mixed_make(_metadata, self, &m);
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, lease_acquire(m.lease[i], m.fd[i], 0, 0, NULL));
	ASSERT_NE(MAP_FAILED, mmap(page_of(m.map, 2 * PART), PART * PAGE_SZ,
				   PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
				   m.fd[1], 0));
	refused(_metadata, self, &m, -EOPNOTSUPP);
}

TEST_F(dax, read_only_part)
{
	struct mixed m;

	mixed_make(_metadata, self, &m);
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, lease_acquire(m.lease[i], m.fd[i], 0, 0, NULL));
	ASSERT_EQ(0, mprotect(page_of(m.map, 2 * PART), PART * PAGE_SZ, PROT_READ));
	refused(_metadata, self, &m, -EFAULT);
}

TEST_F(dax, unmapped_part)
{
	struct mixed m;

	mixed_make(_metadata, self, &m);
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, lease_acquire(m.lease[i], m.fd[i], 0, 0, NULL));
	ASSERT_EQ(0, munmap(page_of(m.map, 3 * PART), PAGE_SZ));
	refused(_metadata, self, &m, -EFAULT);
}

/* Anonymous memory alone is nobody's business. */
TEST_F(dax, anonymous_only)
{
	struct daxlease_stats before, after;
	struct mixed m;
	uint32_t id;

	mixed_make(_metadata, self, &m);
	ASSERT_EQ(0, lease_stats(&before));
	ASSERT_EQ(0, testdev_pin(self->dev, m.map, PART, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, lease_stats(&after));
	EXPECT_EQ(before.pinned, after.pinned);
	EXPECT_EQ(before.pin_refused, after.pin_refused);
	EXPECT_EQ(0, after.pinned_pages);
	EXPECT_EQ(0, testdev_unpin(self->dev, id));
}

/* Two leases side by side on one file, one pin across both. */
TEST_F(dax, across_two_leases_of_one_file)
{
	struct mixed m;
	uint32_t id;
	int ret;

	mixed_make(_metadata, self, &m);
	ASSERT_EQ(0, lease_acquire(m.lease[0], self->fd, 0, 4 * PAGE_SZ, NULL));
	ASSERT_EQ(0, lease_acquire(m.lease[1], self->fd, 4 * PAGE_SZ, 4 * PAGE_SZ, NULL));
	/* Granted or not, never by halves. */
	ret = pin_pages(2, 4, TESTDEV_PIN_WRITE, &id);
	if (ret) {
		EXPECT_EQ(-EOPNOTSUPP, ret);
		EXPECT_EQ(0, lease_pinned_pages());
	} else {
		EXPECT_EQ(4, lease_pinned_pages());
		EXPECT_EQ(0, testdev_unpin(self->dev, id));
	}
	EXPECT_EQ(0, lease_pinned_pages());
}

TEST_HARNESS_MAIN
