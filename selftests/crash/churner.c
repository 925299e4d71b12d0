// SPDX-License-Identifier: GPL-2.0
/*
 * Changes the layout of pairs of files that nobody has leased, and knows what
 * they must then contain.  In the end each pair is acknowledged as it is, or as
 * gone.  Their blocks come from, and go to, the pinned files of others.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ack.h"
#include "change.h"
#include "file.h"
#include "slot.h"
#include "work.h"

#define FIRST_PAGES	16U
#define STEPS		12U

struct file {
	char name[ACK_NAME];
	char path[PATH_LEN];
	int fd;
	unsigned int pages;
	uint32_t turn[ACK_PAGES];
};

struct churner {
	struct worker *w;
	struct file file[2];
	/* Each page written in a pair has one of its own. */
	uint32_t last_turn;
};

static void write_some(struct churner *c, struct file *f, unsigned int page, unsigned int count)
{
	uint32_t key = slot_key(c->w->fs->type, c->w->epoch, f->name);
	bool mapped = page + count <= f->pages && draw(c->w, 2);
	char *map = NULL;

	if (mapped) {
		map = file_map(f->fd, f->pages * PAGE_SZ, PROT_READ | PROT_WRITE);
		must(c->w, map);
	}
	for (; count; count--, page++) {
		f->turn[page] = ++c->last_turn;
		if (mapped)
			slot_fill(map + page * PAGE_SZ, key, 0, f->turn[page]);
		else
			write_page(c->w, f->fd, f->name, page, f->turn[page]);
		if (page >= f->pages)
			f->pages = page + 1;
	}
	if (mapped)
		munmap(map, f->pages * PAGE_SZ);
}

/* To these pages; new ones are zeroes. */
static void set_pages(struct file *f, unsigned int pages)
{
	if (pages > f->pages)
		memset(&f->turn[f->pages], 0, (pages - f->pages) * sizeof(f->turn[0]));
	f->pages = pages;
}

static void collapse(struct file *f, unsigned int page, unsigned int count)
{
	memmove(&f->turn[page], &f->turn[page + count],
		(f->pages - page - count) * sizeof(f->turn[0]));
	f->pages -= count;
}

static void insert(struct file *f, unsigned int page, unsigned int count)
{
	memmove(&f->turn[page + count], &f->turn[page], (f->pages - page) * sizeof(f->turn[0]));
	memset(&f->turn[page], 0, count * sizeof(f->turn[0]));
	f->pages += count;
}

static void share(struct file *to, const struct file *from, unsigned int page, unsigned int count)
{
	if (page + count > to->pages)
		set_pages(to, page + count);
	memcpy(&to->turn[page], &from->turn[page], count * sizeof(to->turn[0]));
}

static void exchange(struct file *a, struct file *b, unsigned int page, unsigned int count)
{
	for (; count; count--, page++) {
		uint32_t turn = a->turn[page];

		a->turn[page] = b->turn[page];
		b->turn[page] = turn;
	}
}

static void step(struct churner *c)
{
	unsigned int i = draw(c->w, 2);
	struct file *f = &c->file[i], *other = &c->file[!i];
	unsigned int smaller = f->pages < other->pages ? f->pages : other->pages;
	unsigned int page, count, kind = draw(c->w, c->w->fs->reflink ? 9 : 7);
	struct change ch;
	long ret = 0;

	/* A part that is not the end of it, so that every kind can do it. */
	page = draw(c->w, smaller - 1);
	count = 1 + draw(c->w, smaller - 1 - page);
	ch = change_of(f->path, other->path, page * PAGE_SZ, count * PAGE_SZ);
	switch (kind) {
	case 0:
		ch.off += PAGE_SZ;
		ret = change_truncate(&ch);
		set_pages(f, page + 1);
		break;
	case 1:
		ret = draw(c->w, 2) ? change_punch(&ch) : change_zero(&ch);
		memset(&f->turn[page], 0, count * sizeof(f->turn[0]));
		break;
	case 2:
		ret = change_collapse(&ch);
		collapse(f, page, count);
		break;
	case 3:
		if (f->pages + count > ACK_PAGES)
			break;
		ret = change_insert(&ch);
		insert(f, page, count);
		break;
	case 4:
		page = draw(c->w, ACK_PAGES - f->pages + 1) + f->pages;
		must(c->w, !ftruncate(f->fd, page * PAGE_SZ));
		set_pages(f, page);
		break;
	case 5:
	case 6:
		write_some(c, f, page, count);
		break;
	case 7:
		ret = change_reflink_from(&ch);
		share(other, f, page, count);
		break;
	case 8:
		ret = change_exchange_1(&ch);
		exchange(f, other, page, count);
		break;
	}
	if (ret)
		wrong(c->w, "change %u of %s, pages %u to %u: %ld", kind, f->name, page,
		      page + count, ret);
	/* All of them need two pages. */
	if (f->pages < 2)
		write_some(c, f, 0, FIRST_PAGES);
}

static void end_pair(struct churner *c)
{
	bool gone = !draw(c->w, 4);

	for (int i = 0; i < 2; i++) {
		struct file *f = &c->file[i];

		if (gone)
			must(c->w, !unlink(f->path));
		else
			sync_file(c->w, f->fd);
		must(c->w, !close(f->fd));
	}
	sync_dir(c->w);
	for (int i = 0; i < 2; i++) {
		struct file *f = &c->file[i];

		if (gone)
			must(c->w, !ack_gone(c->w->log, f->name));
		else
			must(c->w, !ack_file(c->w->log, f->name, f->pages, f->turn));
	}
	(*c->w->rounds)++;
}

void churner(struct worker *w)
{
	struct churner c = { .w = w };

	for (unsigned int n = 0; n < WORK_FILES; n++) {
		memset(c.file, 0, sizeof(c.file));
		c.last_turn = 0;
		for (int i = 0; i < 2; i++) {
			struct file *f = &c.file[i];

			snprintf(f->name, sizeof(f->name), "c%u.%d", n, i);
			name_path(w, f->path, f->name);
			f->fd = new_file(w, f->name);
			write_some(&c, f, 0, FIRST_PAGES);
		}
		for (unsigned int i = draw(w, STEPS) + 1; i; i--)
			step(&c);
		end_pair(&c);
	}
}
