/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file of which 2 MiB are mapped by one entry.  Defines, for tests with the
 * fixture: include it behind dax_fixture.h.
 */
#ifndef SELFTESTS_HUGE_FILE_H
#define SELFTESTS_HUGE_FILE_H

#define TRIES		8
#define HUGE_PAGES	(HUGE_SZ / PAGE_SZ)

struct huge {
	char path[PATH_LEN];
	int fd;
	char *map;
	off_t off;
};

/* Where in the file 2 MiB of blocks lie as its pages do, modulo 2 MiB; or -1. */
static inline off_t aligned_part(int fd, off_t off, off_t end, struct extent *extent)
{
	off_t first;

	for (; off < end; off = extent->logical + extent->length) {
		if (file_extent(fd, off, extent) != 1)
			return -1;
		first = (extent->logical + HUGE_SZ - 1) & -HUGE_SZ;
		if ((extent->physical - extent->logical) % HUGE_SZ == 0 &&
		    first + HUGE_SZ <= extent->logical + extent->length)
			return first;
	}
	return -1;
}

/*
 * Makes files until one is aligned.  The blocks of the next one are likely to
 * follow those of the last one, so that is where in the file it begins.
 */
static inline void find_aligned(struct __test_metadata *_metadata, struct dax_test *self,
				struct huge *h)
{
	struct extent extent;
	off_t off = 0;

	for (int i = 0; i < TRIES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "huge.%d", i);
		other_path(h->path, name);
		h->fd = open(h->path, O_RDWR | O_CREAT | O_EXCL, 0600);
		ASSERT_LE(0, h->fd);
		ASSERT_EQ(0, fallocate(h->fd, 0, off, 4 * HUGE_SZ));
		h->off = aligned_part(h->fd, off, off + 4 * HUGE_SZ, &extent);
		if (h->off >= 0)
			return;
		off = (extent.physical + extent.length) % HUGE_SZ;
		close(h->fd);
	}
}

/* A file of which a 2 MiB entry is mapped, if the kernel can be had to do it. */
static inline bool prepare(struct __test_metadata *_metadata, struct dax_test *self, struct huge *h)
{
	char *reserved, *buf;

	find_aligned(_metadata, self, h);
	if (h->off < 0)
		return false;
	buf = malloc(HUGE_SZ);
	ASSERT_NE(NULL, buf);
	pattern_fill(buf, HUGE_SZ, h->off, FILE_SEED);
	ASSERT_EQ((ssize_t)HUGE_SZ, pwrite(h->fd, buf, HUGE_SZ, h->off));
	free(buf);
	ASSERT_EQ(0, fsync(h->fd));

	reserved = mmap(NULL, 2 * HUGE_SZ, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, reserved);
	reserved = (char *)(((uintptr_t)reserved + HUGE_SZ - 1) & -HUGE_SZ);
	h->map = mmap(reserved, HUGE_SZ, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		      h->fd, h->off);
	ASSERT_NE(MAP_FAILED, h->map);
	h->map[0] = h->map[0];
	return true;
}

#endif
