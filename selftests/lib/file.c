// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

#define FIEMAP_BATCH	32

static uint64_t pattern_word(off_t off, unsigned int seed)
{
	return (uint64_t)off * 0x9e3779b97f4a7c15ULL ^
	       ((uint64_t)seed << 32 | 0x5eed5eed);
}

void pattern_fill(void *buf, size_t len, off_t off, unsigned int seed)
{
	for (size_t i = 0; i < len; i += sizeof(uint64_t)) {
		uint64_t word = pattern_word(off + i, seed);

		memcpy((char *)buf + i, &word, sizeof(word));
	}
}

bool pattern_match(const void *buf, size_t len, off_t off, unsigned int seed)
{
	for (size_t i = 0; i < len; i += sizeof(uint64_t)) {
		uint64_t word = pattern_word(off + i, seed);

		if (memcmp((const char *)buf + i, &word, sizeof(word)))
			return false;
	}
	return true;
}

static int file_fill(int fd, size_t size, unsigned int seed)
{
	static char buf[1 << 18];
	size_t done, len;

	for (done = 0; done < size; done += len) {
		len = size - done < sizeof(buf) ? size - done : sizeof(buf);
		pattern_fill(buf, len, done, seed);
		if (pwrite(fd, buf, len, done) != (ssize_t)len)
			return -errno;
	}
	return fsync(fd) ? -errno : 0;
}

int file_create(const char *path, size_t size, unsigned int seed)
{
	int fd, ret;

	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	ret = file_fill(fd, size, seed);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

static int page_matches(const char *page, off_t off, size_t len, const unsigned int *seed)
{
	static const char zero[PAGE_SZ];

	if (seed)
		return pattern_match(page, len, off, *seed);
	return !memcmp(page, zero, len);
}

static int file_compare(int fd, off_t off, size_t len, const unsigned int *seed)
{
	char page[PAGE_SZ];
	size_t part;
	ssize_t n;

	for (; len; off += part, len -= part) {
		part = len < PAGE_SZ ? len : PAGE_SZ;
		n = pread(fd, page, part, off);
		if (n < 0)
			return -errno;
		if (n != (ssize_t)part || !page_matches(page, off, part, seed))
			return 0;
	}
	return 1;
}

int file_matches(int fd, off_t off, size_t len, unsigned int seed)
{
	return file_compare(fd, off, len, &seed);
}

int file_is_zero(int fd, off_t off, size_t len)
{
	return file_compare(fd, off, len, NULL);
}

void *file_map(int fd, size_t size, int prot)
{
	void *map = mmap(NULL, size, prot, MAP_SHARED, fd, 0);

	return map == MAP_FAILED ? NULL : map;
}

struct fiemap_buf {
	struct fiemap map;
	struct fiemap_extent extent[FIEMAP_BATCH];
};

static int fiemap(int fd, off_t off, uint64_t len, struct fiemap_buf *buf)
{
	memset(buf, 0, sizeof(*buf));
	buf->map.fm_start = off;
	buf->map.fm_length = len;
	buf->map.fm_extent_count = FIEMAP_BATCH;
	if (ioctl(fd, FS_IOC_FIEMAP, &buf->map))
		return -errno;
	return buf->map.fm_mapped_extents;
}

int file_extent(int fd, off_t off, struct extent *extent)
{
	struct fiemap_buf buf;
	int n;

	/* To the end: what is told is cut to what was asked for. */
	n = fiemap(fd, off, ~0ULL - off, &buf);
	if (n <= 0)
		return n;
	if (buf.extent[0].fe_logical > (uint64_t)off)
		return 0;
	*extent = (struct extent) {
		.logical	= buf.extent[0].fe_logical,
		.physical	= buf.extent[0].fe_physical,
		.length		= buf.extent[0].fe_length,
		.flags		= buf.extent[0].fe_flags,
	};
	return 1;
}

static uint64_t hash(uint64_t sum, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len--)
		sum = (sum ^ *p++) * 0x100000001b3ULL;
	return sum;
}

static int hash_contents(int fd, uint64_t *sum)
{
	static char buf[1 << 16];
	off_t off = 0;
	ssize_t n;

	while ((n = pread(fd, buf, sizeof(buf), off)) > 0) {
		*sum = hash(*sum, buf, n);
		off += n;
	}
	return n < 0 ? -errno : 0;
}

static int hash_layout(int fd, uint64_t *sum)
{
	struct fiemap_buf buf;
	off_t off = 0;
	int n;

	while ((n = fiemap(fd, off, ~0ULL - off, &buf)) > 0) {
		*sum = hash(*sum, buf.extent, n * sizeof(buf.extent[0]));
		off = buf.extent[n - 1].fe_logical + buf.extent[n - 1].fe_length;
	}
	return n;
}

int snapshot_take(const char *path, struct snapshot *snapshot)
{
	struct stat st;
	int fd, ret;

	memset(snapshot, 0, sizeof(*snapshot));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st)) {
		ret = -errno;
		goto out;
	}
	snapshot->size = st.st_size;
	snapshot->blocks = st.st_blocks;
	snapshot->mtime = st.st_mtim;
	snapshot->ctime = st.st_ctim;
	ret = hash_contents(fd, &snapshot->contents);
	if (!ret)
		ret = hash_layout(fd, &snapshot->layout);
out:
	close(fd);
	return ret;
}

bool snapshot_same(const struct snapshot *a, const struct snapshot *b)
{
	return !memcmp(a, b, sizeof(*a));
}
