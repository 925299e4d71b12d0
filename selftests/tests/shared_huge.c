// SPDX-License-Identifier: GPL-2.0
/*
 * 2 MiB of blocks that are shared with another file, mapped, and written to a page
 * at a time: each page has an entry of its own then, which fsync finds, and the
 * file can go at last.
 */
#include "change.h"
#include "dax_fixture.h"
#include "flush.h"
#include "huge_file.h"
#include "peer.h"

#include <linux/falloc.h>

#define WRITTEN		16
/* A block each, so that it takes long to share them. */
#define PIECES		1024

/* To share a range of it with another file, at the same place. */
static struct change to_share(struct __test_metadata *_metadata, struct dax_test *self,
			      struct huge *h, off_t off, off_t len)
{
	char clone[PATH_LEN];
	int fd;

	other_path(clone, "clone");
	fd = open(clone, O_RDWR | O_CREAT | O_EXCL, 0600);
	EXPECT_LE(0, fd);
	close(fd);
	return change_of(h->path, clone, off, len);
}

#define shared_or_skip(h) do {							\
	struct change c;							\
	long ret;								\
										\
	if (!prepare(_metadata, self, h))					\
		SKIP(return, "no aligned 2 MiB of blocks");			\
	c = to_share(_metadata, self, h, (h)->off, HUGE_SZ);			\
	ret = change_reflink_from(&c);						\
	if (change_missing(ret))						\
		SKIP(return, "no reflink: %s", strerror(-ret));			\
	ASSERT_EQ(0, ret);							\
	/* A fault for reading alone. */					\
	(void)*(volatile char *)page_of((h)->map, 1);				\
} while (0)

/* Its inode is evicted, where the kernel counts the entries that were left. */
static void goes(struct __test_metadata *_metadata, struct huge *h)
{
	EXPECT_EQ(0, munmap(h->map, HUGE_SZ));
	EXPECT_EQ(0, close(h->fd));
	EXPECT_EQ(0, unlink(h->path));
}

/*
 * Every page that was stored to is flushed, and the clone is as it was; where both
 * have moved in the file it is told by how much.
 */
static void all_are_flushed(struct __test_metadata *_metadata, struct dax_test *self,
			    struct huge *h, struct flushes *f, off_t moved)
{
	static char seen[WRITTEN * PAGE_SZ];
	char path[PATH_LEN];
	int fd;

	EXPECT_EQ(WRITTEN, flushed_by_fsync(f, h->fd));
	EXPECT_EQ(WRITTEN, f->pages);
	EXPECT_EQ(0, flushed_by_fsync(f, h->fd));
	other_path(path, "clone");
	fd = open(path, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(sizeof(seen), pread(fd, seen, sizeof(seen), h->off + PAGE_SZ));
	EXPECT_TRUE(pattern_match(seen, sizeof(seen), h->off - moved + PAGE_SZ, FILE_SEED));
	close(fd);
}

TEST_F(dax, stores)
{
	struct flushes f;
	struct huge h;

	shared_or_skip(&h);
	trace_fd_or_skip(&f, h.fd);
	for (unsigned long i = 0; i < WRITTEN; i++)
		page_of(h.map, 1 + i)[7] = 's';
	all_are_flushed(_metadata, self, &h, &f, 0);
	flush_trace_stop(&f.trace);
	goes(_metadata, &h);
}

/* What is mapped follows, and can be stored to. */
TEST_F(dax, writes)
{
	struct flushes f;
	struct huge h;

	shared_or_skip(&h);
	trace_fd_or_skip(&f, h.fd);
	for (unsigned long i = 0; i < WRITTEN; i++) {
		ASSERT_EQ(1, pwrite(h.fd, "w", 1, h.off + (1 + i) * PAGE_SZ + 7));
		EXPECT_EQ('w', page_of(h.map, 1 + i)[7]);
		page_of(h.map, 1 + i)[8] = 's';
	}
	all_are_flushed(_metadata, self, &h, &f, 0);
	flush_trace_stop(&f.trace);
	goes(_metadata, &h);
}

/* The pin has each page copied; a device's writes are flushed each time. */
TEST_F(dax, a_pin_for_writing)
{
	char page[PAGE_SZ], seen[PAGE_SZ];
	struct flushes f;
	struct huge h;
	uint32_t id;

	shared_or_skip(&h);
	trace_fd_or_skip(&f, h.fd);
	ASSERT_EQ(0, lease_acquire(self->lease, h.fd, 0, 0, NULL));
	ASSERT_EQ(0, testdev_pin(self->dev, h.map, HUGE_PAGES, TESTDEV_PIN_WRITE, &id));
	EXPECT_EQ(HUGE_PAGES, lease_pinned_pages());
	for (int i = 0; i < 2; i++) {
		EXPECT_LE(1, flushed_by_fsync(&f, h.fd));
		EXPECT_EQ(HUGE_PAGES, f.pages);
	}
	memset(page, 0xd4, PAGE_SZ);
	for (unsigned long i = 0; i < HUGE_PAGES; i += 73) {
		ASSERT_EQ(0, testdev_write(self->dev, id, i * PAGE_SZ, page, PAGE_SZ));
		ASSERT_EQ(PAGE_SZ, pread(h.fd, seen, PAGE_SZ, h.off + i * PAGE_SZ));
		EXPECT_EQ(0, memcmp(page, seen, PAGE_SZ));
	}
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, lease_pinned_pages());
	flush_trace_stop(&f.trace);
	goes(_metadata, &h);
}

/* Every second page of a range, each a block apart. */
static void make_pieces(struct __test_metadata *_metadata, struct huge *h, off_t off)
{
	char page[PAGE_SZ];

	memset(page, 'p', PAGE_SZ);
	for (off_t i = 0; i < PIECES; i++)
		ASSERT_EQ(PAGE_SZ, pwrite(h->fd, page, PAGE_SZ, off + 2 * i * PAGE_SZ));
	ASSERT_EQ(0, fsync(h->fd));
}

/*
 * A range that begins with many pieces and ends in the middle of 2 MiB that are
 * read all the while: they are mapped before the last piece of it is shared.
 */
TEST_F(dax, read_while_they_are_shared)
{
	struct flushes f;
	struct change c;
	struct peer peer;
	struct huge h;
	long ret;

	if (!prepare(_metadata, self, &h))
		SKIP(return, "no aligned 2 MiB of blocks");
	/* Blocks and pages move together. */
	ASSERT_EQ(0, fallocate(h.fd, FALLOC_FL_INSERT_RANGE, 0, 2 * PIECES * PAGE_SZ));
	h.off += 2 * PIECES * PAGE_SZ;
	ASSERT_EQ(h.map, mmap(h.map, HUGE_SZ, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			      h.fd, h.off));
	make_pieces(_metadata, &h, h.off - 2 * PIECES * PAGE_SZ);
	c = to_share(_metadata, self, &h, h.off - 2 * PIECES * PAGE_SZ,
		     2 * PIECES * PAGE_SZ + HUGE_SZ / 2);

	ASSERT_EQ(0, peer_start(&peer));
	ASSERT_EQ(0, peer_post(&peer, change_reflink_from, &c, sizeof(c)));
	do {
		(void)*(volatile char *)page_of(h.map, 3);
		ASSERT_EQ(0, madvise(h.map, HUGE_SZ, MADV_DONTNEED));
	} while (!peer_has_result(&peer));
	ret = peer_result(&peer, NULL, 0);
	peer_stop(&peer);
	if (change_missing(ret))
		SKIP(return, "no reflink: %s", strerror(-ret));
	ASSERT_EQ(0, ret);

	trace_fd_or_skip(&f, h.fd);
	flushed_by_fsync(&f, h.fd);
	for (unsigned long i = 0; i < WRITTEN; i++)
		page_of(h.map, 1 + i)[7] = 's';
	all_are_flushed(_metadata, self, &h, &f, 2 * PIECES * PAGE_SZ);
	flush_trace_stop(&f.trace);
	goes(_metadata, &h);
}

TEST_HARNESS_MAIN
