// SPDX-License-Identifier: GPL-2.0
/* What ends a lease and what does not: closing the file, unmapping, closing. */
#include "actor.h"
#include "change.h"
#include "dax_fixture.h"

static long punch(struct dax_test *self, unsigned long page)
{
	struct change c = change_of(self->path, NULL, page * PAGE_SZ, PAGE_SZ);

	return in_child(change_punch, &c, sizeof(c));
}

static void dma_reaches_the_file(struct __test_metadata *_metadata, struct dax_test *self,
				 uint32_t id, off_t off, char byte)
{
	char page[PAGE_SZ], seen[PAGE_SZ];
	int fd;

	memset(page, byte, PAGE_SZ);
	EXPECT_EQ(0, testdev_write(self->dev, id, 0, page, PAGE_SZ));
	fd = open(self->path, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(PAGE_SZ, pread(fd, seen, PAGE_SZ, off));
	EXPECT_EQ(0, memcmp(page, seen, PAGE_SZ));
	close(fd);
}

TEST_F(dax, close_of_the_file)
{
	uint32_t id, id2;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(2, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(-ETXTBSY, punch(self, 2));
	dma_reaches_the_file(_metadata, self, id, 2 * PAGE_SZ, 1);
	/* The lease is as good as before. */
	EXPECT_EQ(0, pin_pages(3, 1, TESTDEV_PIN_WRITE, &id2));
}

TEST_F(dax, munmap)
{
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(2, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, munmap(self->map, FILE_SIZE));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(-ETXTBSY, punch(self, 2));
	dma_reaches_the_file(_metadata, self, id, 2 * PAGE_SZ, 2);
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	ASSERT_EQ(0, lease_release(self->lease));
	EXPECT_EQ(0, punch(self, 2));
}

TEST_F(dax, close_of_the_lease_without_pins)
{
	acquire_whole();
	EXPECT_EQ(-ETXTBSY, punch(self, 2));
	ASSERT_EQ(0, close(self->lease));
	EXPECT_EQ(0, punch(self, 2));
}

TEST_F(dax, close_of_a_copy_of_the_lease)
{
	int copy;

	acquire_whole();
	copy = dup(self->lease);
	ASSERT_LE(0, copy);
	ASSERT_EQ(0, close(self->lease));
	EXPECT_EQ(-ETXTBSY, punch(self, 2));
	ASSERT_EQ(0, close(copy));
	EXPECT_EQ(0, punch(self, 2));
}

TEST_F(dax, orphaned)
{
	struct daxlease_stats stats;
	struct lease_view view;
	struct stat st;
	uint32_t id, id2;
	int query;

	query = lease_open();
	ASSERT_LE(0, query);
	ASSERT_EQ(0, fstat(self->fd, &st));
	acquire_whole();
	ASSERT_EQ(0, pin_pages(2, 2, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(1, lease_view_ino(query, st.st_ino, &view));
	EXPECT_EQ(DAXLEASE_STATE_ACTIVE, view.lease.state);
	ASSERT_EQ(0, close(self->lease));

	/* No new pins. */
	EXPECT_EQ(-EOPNOTSUPP, pin_pages(8, 1, TESTDEV_PIN_WRITE, &id2));
	EXPECT_EQ(-EOPNOTSUPP, pin_pages(2, 1, TESTDEV_PIN_WRITE, &id2));

	/* The old ones are protected and can be seen. */
	EXPECT_EQ(-ETXTBSY, punch(self, 2));
	ASSERT_EQ(1, lease_view_ino(query, st.st_ino, &view));
	EXPECT_EQ(DAXLEASE_STATE_ORPHANED, view.lease.state);
	EXPECT_EQ(1, view.pins);
	EXPECT_EQ(2, view.pin[0].pages);
	ASSERT_EQ(0, lease_stats(&stats));
	EXPECT_EQ(1, stats.leases);
	EXPECT_EQ(1, stats.orphaned);
	dma_reaches_the_file(_metadata, self, id, 2 * PAGE_SZ, 3);

	/* Gone with the last pin. */
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, lease_view_ino(query, st.st_ino, &view));
	ASSERT_EQ(0, lease_stats(&stats));
	EXPECT_EQ(0, stats.leases);
	EXPECT_EQ(0, stats.orphaned);
	EXPECT_EQ(0, punch(self, 2));
}

TEST_F(dax, orphaned_until_the_last_of_several_pins)
{
	uint32_t id[3];

	acquire_whole();
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, pin_pages(2, 1 + i, TESTDEV_PIN_WRITE, &id[i]));
	ASSERT_EQ(0, close(self->lease));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(-ETXTBSY, punch(self, 2));
		ASSERT_EQ(0, testdev_unpin(self->dev, id[i]));
	}
	EXPECT_EQ(0, punch(self, 2));
}

/* A fresh lease beside the orphaned one admits pins again. */
TEST_F(dax, new_lease_beside_an_orphaned_one)
{
	uint32_t id, id2;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(2, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, close(self->lease));
	self->lease = lease_open();
	ASSERT_LE(0, self->lease);
	acquire_whole();
	EXPECT_EQ(0, pin_pages(2, 1, TESTDEV_PIN_WRITE, &id2));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(-ETXTBSY, punch(self, 2));
	ASSERT_EQ(0, testdev_unpin(self->dev, id2));
	ASSERT_EQ(0, lease_release(self->lease));
	EXPECT_EQ(0, punch(self, 2));
}

/* An orphaned lease is nobody's own any more. */
TEST_F(dax, change_of_an_orphaned_part_by_its_maker)
{
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(2, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, close(self->lease));
	EXPECT_EQ(-1, ftruncate(self->fd, 0));
	EXPECT_EQ(ETXTBSY, errno);
	EXPECT_EQ(1, file_matches(self->fd, 0, FILE_SIZE, FILE_SEED));
}

TEST_HARNESS_MAIN
