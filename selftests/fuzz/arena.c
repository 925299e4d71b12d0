// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "util.h"

/* Pages, in this order. */
#define HEAP_AT		0	/* with the two behind it */
#define HEAP_PAGES	6
#define EDGE_AT		4	/* two with access, one without */
#define EDGE_RO_AT	7	/* two to write to, two to read only, and these: */
#define RO_AT		11
#define NONE_AT		14
#define PAGES		17

/*
 * Nothing is ever mapped there: the kernel places mappings above 1 GiB unless told
 * otherwise, also with MAP_32BIT.  A hole of our own would be filled, sooner or
 * later, by the next mapping.
 */
#define UNMAPPED	0x20000000

static int protect(struct arena *arena, int page, int pages, int prot)
{
	return mprotect(arena->base + page * PAGE_SZ, pages * PAGE_SZ, prot) ? -errno : 0;
}

int arena_init(struct arena *arena)
{
	int fd, ret;

	memset(arena, 0, sizeof(*arena));
	arena->dax_fd = -1;
	fd = memfd_create("arena", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, PAGES * PAGE_SZ))
		return -errno;
	arena->base = mmap(NULL, PAGES * PAGE_SZ, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_32BIT, fd, 0);
	arena->alias = mmap(NULL, PAGES * PAGE_SZ, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (arena->base == MAP_FAILED || arena->alias == MAP_FAILED)
		return -ENOMEM;
	ret = protect(arena, EDGE_AT + 2, 1, PROT_NONE);
	if (!ret)
		ret = protect(arena, EDGE_RO_AT + 2, 2, PROT_READ);
	if (!ret)
		ret = protect(arena, RO_AT, 3, PROT_READ);
	if (!ret)
		ret = protect(arena, NONE_AT, 3, PROT_NONE);
	return ret;
}

/* Addresses that user space cannot have; as 32 bits, ones that it does not have. */
static const uint64_t kernel_addresses[] = {
	0xffff888000000000, 0xffffffff81000000, 0xffffffffffffffff, 0xfffffffffffffff8,
	0xfffffffffffff000, 0x8000000000000000, 0x0000800000000000, 0x00007ffffffff000,
	0x00007fffffffffff, 0xffff800000000000, 0xfffffffffffffffc,
};

/* The buffer begins so many bytes behind the start of a page. */
static void at(struct arena *arena, struct place *place, int first, int pages, size_t offset,
	       size_t readable, size_t writable)
{
	place->addr = (uintptr_t)arena->base + first * PAGE_SZ + offset;
	place->bytes = arena->alias + first * PAGE_SZ + offset;
	place->window = arena->alias + first * PAGE_SZ;
	place->window_len = pages * PAGE_SZ;
	place->readable = readable;
	place->writable = writable;
}

/*
 * Behind it there may be another such buffer, so nothing longer is asked for.
 * False where the file ends in the middle of it: what is there then cannot be
 * set.
 */
static bool at_dax(struct arena *arena, struct place *place, size_t wanted)
{
	struct stat st;
	size_t len;

	if (!arena->dax || wanted > PLACE_MAX || fstat(arena->dax_fd, &st))
		return false;
	len = st.st_size >= arena->dax_offset + (off_t)PLACE_MAX ? PLACE_MAX : 0;
	if (!len && st.st_size > arena->dax_offset)
		return false;
	at(arena, place, HEAP_AT, HEAP_PAGES, 0, len, len);
	place->addr = (uintptr_t)arena->dax;
	place->dax = true;
	return true;
}

void arena_place(struct arena *arena, enum buf buf, uint64_t cut, size_t len,
		 struct place *place)
{
	size_t avail = len > cut ? len - cut : 0;
	size_t nr = sizeof(kernel_addresses) / sizeof(kernel_addresses[0]);

	if (avail > PLACE_MAX)
		avail = PLACE_MAX;
	place->dax = false;
	/* Where there is no access, the bytes are in the heap and do not matter. */
	at(arena, place, HEAP_AT, HEAP_PAGES, 0, 0, 0);
	switch (buf) {
	case BUF_ODD:
		avail = HEAP_PAGES * PAGE_SZ - 65 - cut % 7;
		at(arena, place, HEAP_AT, HEAP_PAGES, 65 + cut % 7, avail, avail);
		break;
	case BUF_EDGE:
		at(arena, place, EDGE_AT, 3, 2 * PAGE_SZ - avail, avail, avail);
		break;
	case BUF_EDGE_RO:
		at(arena, place, EDGE_RO_AT, 4, 2 * PAGE_SZ - avail, avail + 5 * PAGE_SZ, avail);
		break;
	case BUF_RO:
		at(arena, place, RO_AT, 3, 0, 3 * PAGE_SZ, 0);
		break;
	case BUF_NONE:
		place->addr = (uintptr_t)arena->base + NONE_AT * PAGE_SZ;
		break;
	case BUF_UNMAPPED:
		place->addr = UNMAPPED;
		break;
	case BUF_NULL:
		place->addr = cut % 64;
		break;
	case BUF_KERNEL:
		place->addr = kernel_addresses[cut % nr];
		break;
	case BUF_DAX:
		if (!at_dax(arena, place, len))
			goto heap;
		break;
	case BUF_RACY:
		if (!arena->racy)
			goto heap;
		place->addr = (uintptr_t)arena->racy;
		break;
	default:
heap:
		avail = HEAP_PAGES * PAGE_SZ - 64;
		at(arena, place, HEAP_AT, HEAP_PAGES, 64, avail, avail);
		break;
	}
	memset(place->window, FILLER, place->window_len);
}

void place_put(struct arena *arena, struct place *place, size_t len)
{
	if (arena->racy && place->addr == (uintptr_t)arena->racy)
		memcpy(arena->racy_alias, place->bytes, len);
	if (place->dax && place->readable &&
	    pwrite(arena->dax_fd, place->bytes, len, arena->dax_offset) != (ssize_t)len)
		place->readable = place->writable = 0;
}

void place_get(struct arena *arena, struct place *place, size_t len)
{
	if (place->dax && place->readable &&
	    pread(arena->dax_fd, place->bytes, len, arena->dax_offset) < 0)
		memset(place->bytes, FILLER, len);
}

static bool filled(const char *from, const char *to)
{
	for (; from < to; from++) {
		if (*from != (char)FILLER)
			return false;
	}
	return true;
}

bool place_intact(const struct place *place, size_t len)
{
	const char *end = place->window + place->window_len;

	if (place->dax)
		return true;
	return filled(place->window, place->bytes) &&
	       (place->bytes + len >= end || filled(place->bytes + len, end));
}
