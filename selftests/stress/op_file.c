// SPDX-License-Identifier: GPL-2.0
/* Leased files and victims: made, written, read, removed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content.h"
#include "worker.h"

#define PAGES_MAX	8

static _Alignas(PAGE_SZ) char pages[VICTIM_PAGES * PAGE_SZ];

int file_create_any(unsigned int start, unsigned int size, unsigned int most)
{
	struct s_file *file = NULL;
	unsigned int named = 0, i;
	char path[PATH_LEN];
	struct stat st;
	int fd, f, ret;

	model_lock();
	for (i = 0; i < FILES_MAX; i++) {
		struct s_file *it = &shm->file[(start + i) % FILES_MAX];

		named += it->state == FILE_NAMED;
		if (it->state == FILE_FREE)
			file = it;
	}
	if (!file || named >= most) {
		model_unlock();
		return -1;
	}
	f = file_index(file);
	file->gen++;
	file->state = FILE_CREATING;
	file->worker = slot + 1;
	file->users = MY_BIT;
	for (i = 0; i < FILE_PAGES; i++)
		file->page[i].known = false;
	file_path(f, path);
	model_unlock();
	note(f, size, 0);

	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	ret = fd < 0 ? -errno : 0;
	if (!ret && (ftruncate(fd, size * PAGE_SZ) || fstat(fd, &st)))
		ret = -errno;
	model_lock();
	file->worker = 0;
	if (ret) {
		file->state = FILE_UNLINKED;
		file->users = 0;
	} else {
		file->ino = st.st_ino;
		file->state = FILE_NAMED;
		me->file_fd[f] = fd;
	}
	file_settle(file);
	model_unlock();
	if (ret && fd >= 0) {
		unlink(path);
		close(fd);
	}
	EXPECTED("create", ret, -ENOSPC);
	return ret ? -1 : f;
}

int op_create(struct rng *rng)
{
	unsigned int start = rng_below(rng, FILES_MAX), size = rng_below(rng, FILE_PAGES + 1);

	return file_create_any(start, size, FILES_NAMED) < 0 ? SKIPPED : 0;
}

int file_unlink(int f)
{
	char path[PATH_LEN];
	int ret;

	note(f, 0, 0);
	model_lock();
	if (shm->file[f].state != FILE_NAMED) {
		model_unlock();
		return SKIPPED;
	}
	shm->file[f].state = FILE_UNLINKING;
	shm->file[f].worker = slot + 1;
	file_path(f, path);
	model_unlock();
	ret = unlink(path) ? -errno : 0;
	model_lock();
	shm->file[f].state = FILE_UNLINKED;
	shm->file[f].worker = 0;
	file_settle(&shm->file[f]);
	model_unlock();
	EXPECTED("unlink", ret, 0);
	return ret;
}

int op_unlink(struct rng *rng)
{
	int f = file_any(rng);

	return f < 0 ? SKIPPED : file_unlink(f);
}

int op_close_file(struct rng *rng)
{
	int f = file_any(rng);

	if (f < 0)
		return SKIPPED;
	note(f, 0, 0);
	file_close(f);
	return 0;
}

/* Some pages of a file that nobody else is at. */
struct span {
	int file;
	unsigned int first;
	unsigned int nr;
	struct page_look look[PAGES_MAX];
	struct tag tag[PAGES_MAX];
};

static bool span_take(struct rng *rng, struct span *s)
{
	s->file = file_any(rng);
	s->first = rng_below(rng, FILE_PAGES);
	s->nr = 1 + rng_below(rng, PAGES_MAX);
	if (s->nr > FILE_PAGES - s->first)
		s->nr = FILE_PAGES - s->first;
	if (s->file < 0)
		return false;
	note(s->file, s->first, s->nr);
	return pages_try(s->file, s->first, s->nr);
}

/* About to be written: tags for all of it. */
static void span_begin(struct span *s, char *buf)
{
	model_lock();
	for (unsigned int i = 0; i < s->nr; i++) {
		s->tag[i] = fresh_page(buf + i * PAGE_SZ, TAG_CPU, s->file, s->first + i);
		s->look[i] = page_look(s->file, s->first + i);
		page_forget(s->file, s->first + i);
	}
	model_unlock();
}

/* So many of its pages were. */
static void span_end(struct span *s, unsigned int written)
{
	model_lock();
	for (unsigned int i = 0; i < written; i++)
		page_known(s->file, s->first + i, s->look[i], s->tag[i]);
	model_unlock();
}

int op_write(struct rng *rng)
{
	struct span s;
	ssize_t n;

	if (!span_take(rng, &s))
		return SKIPPED;
	span_begin(&s, pages);
	n = pwrite(me->file_fd[s.file], pages, s.nr * PAGE_SZ, s.first * PAGE_SZ);
	n = n < 0 ? -errno : n;
	span_end(&s, n > 0 ? n / PAGE_SZ : 0);
	pages_put(s.file, s.first, s.nr);
	EXPECTED("write", n < 0 ? (int)n : 0, -ENOSPC);
	return n < 0 ? (int)n : 0;
}

int op_store(struct rng *rng)
{
	unsigned int done = 0;
	struct span s;
	char *map;

	if (!span_take(rng, &s))
		return SKIPPED;
	map = file_mapping(s.file);
	if (map) {
		span_begin(&s, pages);
		while (done < s.nr && store_page(map + (s.first + done) * PAGE_SZ, s.tag[done]))
			done++;
		span_end(&s, done);
	}
	pages_put(s.file, s.first, s.nr);
	return done ? 0 : -EFAULT;
}

int op_read(struct rng *rng)
{
	struct tag tag[PAGES_MAX];
	bool known[PAGES_MAX];
	unsigned int i;
	struct span s;
	ssize_t n;

	if (!span_take(rng, &s))
		return SKIPPED;
	model_lock();
	for (i = 0; i < s.nr; i++) {
		s.look[i] = page_look(s.file, s.first + i);
		known[i] = page_content(s.file, s.first + i, &tag[i]);
	}
	model_unlock();
	n = pread(me->file_fd[s.file], pages, s.nr * PAGE_SZ, s.first * PAGE_SZ);
	if (n < 0)
		fault(FAULT_CORRUPTION, "file %d page %u: %s", s.file, s.first, strerror(errno));
	memset(pages + (n > 0 ? n : 0), 0, s.nr * PAGE_SZ - (n > 0 ? n : 0));
	model_lock();
	for (i = 0; i < s.nr; i++)
		known[i] = known[i] && page_still(s.file, s.first + i, s.look[i]);
	model_unlock();
	for (i = 0; i < s.nr; i++) {
		if (!known[i])
			leased_check(s.file, s.first + i, pages + i * PAGE_SZ);
		else if (!tag_same(pages + i * PAGE_SZ, tag[i]))
			content_fault(FAULT_LOST, "pinned", s.file, s.first + i,
				      pages + i * PAGE_SZ, tag[i]);
	}
	pages_put(s.file, s.first, s.nr);
	return 0;
}

int op_fsync(struct rng *rng)
{
	int f = file_any(rng), how = rng_below(rng, 3), fd;

	if (f < 0)
		return SKIPPED;
	note(f, how, 0);
	fd = me->file_fd[f];
	EXPECTED("fsync", (how == 0 ? fsync(fd) : how == 1 ? fdatasync(fd) : syncfs(fd)) ?
		 -errno : 0, -ENOSPC);
	return 0;
}

int op_msync(struct rng *rng)
{
	int f = file_any(rng);
	char *map;

	if (f < 0)
		return SKIPPED;
	note(f, 0, 0);
	map = file_mapping(f);
	if (map)
		EXPECTED("msync", msync(map, FILE_PAGES * PAGE_SZ, MS_SYNC) ? -errno : 0, -ENOSPC);
	return 0;
}

/*
 * O_DIRECT on a file of another filesystem, into and out of a mapping: short
 * references that no account explains.
 */
static int direct_file(void)
{
	static int fd = -1;
	char path[PATH_LEN];

	if (fd < 0) {
		snprintf(path, sizeof(path), "%.*s/stress.%d", PATH_LEN - 24, shm->nodax, slot);
		fd = open(path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
		if (fd < 0)
			fault(FAULT_RULE, "%s: %s", path, strerror(errno));
	}
	return fd;
}

int op_direct_out(struct rng *rng)
{
	unsigned int first = rng_below(rng, FILE_PAGES), nr = 1 + rng_below(rng, PAGES_MAX);
	int f = file_any(rng), fd = direct_file();
	char *map;
	ssize_t n;

	if (f < 0 || fd < 0)
		return SKIPPED;
	if (nr > FILE_PAGES - first)
		nr = FILE_PAGES - first;
	note(f, first, nr);
	map = file_mapping(f);
	if (!map)
		return SKIPPED;
	n = pwrite(fd, map + first * PAGE_SZ, nr * PAGE_SZ, 0);
	EXPECTED("direct write", n < 0 ? -errno : 0, -EFAULT);
	return n < 0 ? -EFAULT : 0;
}

int op_direct_in(struct rng *rng)
{
	int fd = direct_file();
	ssize_t n = -1;
	struct span s;
	char *map;

	if (fd < 0 || !span_take(rng, &s))
		return SKIPPED;
	map = file_mapping(s.file);
	if (map) {
		span_begin(&s, pages);
		if (pwrite(fd, pages, s.nr * PAGE_SZ, 0) == (ssize_t)(s.nr * PAGE_SZ))
			n = pread(fd, map + s.first * PAGE_SZ, s.nr * PAGE_SZ, 0);
		EXPECTED("direct read", n < 0 ? -errno : 0, -EFAULT);
		/* A part of it may have come from a page that is gone. */
		if (n == (ssize_t)(s.nr * PAGE_SZ))
			span_end(&s, s.nr);
	}
	pages_put(s.file, s.first, s.nr);
	return n < 0 ? -EFAULT : 0;
}

/* The one before goes, a new one is filled, most likely with blocks just freed. */
int op_victim(struct rng *rng)
{
	unsigned int n = rng_below(rng, VICTIMS), want = 1 + rng_below(rng, VICTIM_PAGES), p;
	bool sync = !rng_below(rng, 4), in_place = !rng_below(rng, 3);
	struct s_victim *victim = &me->victim[n];
	char path[PATH_LEN];
	ssize_t done;
	int fd;

	note(n, want, 0);
	victim_path(slot, n, path);
	if (victim->state == VICTIM_FULL)
		victim_check(slot, n);
	victim->state = VICTIM_FILLING;
	if (!in_place)
		unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		EXPECTED("create a victim", -errno, -ENOSPC);
		return -ENOSPC;
	}
	victim->gen++;
	for (p = 0; p < want; p++) {
		victim->tag[p] = tag_make(TAG_VICTIM, slot * VICTIMS + n, victim->gen, p);
		tag_fill(pages + p * PAGE_SZ, victim->tag[p]);
	}
	done = pwrite(fd, pages, want * PAGE_SZ, 0);
	EXPECTED("fill a victim", done < 0 ? -errno : 0, -ENOSPC);
	victim->pages = done > 0 ? done / PAGE_SZ : 0;
	if (sync)
		fsync(fd);
	close(fd);
	victim->state = VICTIM_FULL;
	did(DID_VICTIM);
	return done < 0 ? -ENOSPC : 0;
}

int op_victim_check(struct rng *rng)
{
	unsigned int n = rng_below(rng, VICTIMS);

	note(n, 0, 0);
	if (me->victim[n].state != VICTIM_FULL)
		return SKIPPED;
	/* To be told once. */
	if (!victim_check(slot, n))
		me->victim[n].state = VICTIM_FILLING;
	return 0;
}
