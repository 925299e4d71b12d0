// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "change.h"
#include "file.h"
#include "pair.h"
#include "slot.h"

void pair_make(struct pair *p, char letter, unsigned int n, unsigned int pages)
{
	memset(p->file, 0, sizeof(p->file));
	p->last_turn = 0;
	for (int i = 0; i < 2; i++) {
		struct file *f = &p->file[i];

		snprintf(f->name, sizeof(f->name), "%c%u.%d", letter, n, i);
		name_path(p->w, f->path, f->name);
		f->fd = new_file(p->w, f->name);
		pair_write(p, f, 0, pages);
	}
}

void pair_close(struct pair *p)
{
	for (int i = 0; i < 2; i++)
		must(p->w, !close(p->file[i].fd));
}

void pair_write(struct pair *p, struct file *f, unsigned int page, unsigned int count)
{
	uint32_t key = slot_key(p->w->fs->type, p->w->epoch, f->name);
	bool mapped = page + count <= f->pages && draw(p->w, 2);
	char *map = NULL;

	if (mapped) {
		map = file_map(f->fd, f->pages * PAGE_SZ, PROT_READ | PROT_WRITE);
		must(p->w, map);
	}
	for (; count; count--, page++) {
		f->turn[page] = ++p->last_turn;
		if (mapped)
			slot_fill(map + page * PAGE_SZ, key, 0, f->turn[page]);
		else
			write_page(p->w, f->fd, f->name, page, f->turn[page]);
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

void pair_extend(struct pair *p, struct file *f, unsigned int pages)
{
	must(p->w, !ftruncate(f->fd, pages * PAGE_SZ));
	set_pages(f, pages);
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

long pair_change(const char *path, const char *other, const struct pair_change *change)
{
	struct change c = change_of(path, other, change->page * PAGE_SZ,
				    change->count * PAGE_SZ);
	static const peer_fn fn[PAIR_KINDS] = {
		[PAIR_TRUNCATE]		= change_truncate,
		[PAIR_PUNCH]		= change_punch,
		[PAIR_ZERO]		= change_zero,
		[PAIR_COLLAPSE]		= change_collapse,
		[PAIR_INSERT]		= change_insert,
		[PAIR_REFLINK]		= change_reflink_from,
		[PAIR_REFLINK_TO]	= change_reflink_to,
		[PAIR_EXCHANGE]		= change_exchange_1,
		[PAIR_UNSHARE]		= change_unshare,
	};

	if (change->kind == PAIR_TRUNCATE)
		c.off += PAGE_SZ;
	return fn[change->kind](&c);
}

void pair_changed(struct file *f, struct file *other, const struct pair_change *change)
{
	unsigned int page = change->page, count = change->count;

	switch (change->kind) {
	case PAIR_TRUNCATE:
		set_pages(f, page + 1);
		break;
	case PAIR_PUNCH:
	case PAIR_ZERO:
		memset(&f->turn[page], 0, count * sizeof(f->turn[0]));
		break;
	case PAIR_COLLAPSE:
		collapse(f, page, count);
		break;
	case PAIR_INSERT:
		insert(f, page, count);
		break;
	case PAIR_REFLINK:
		share(other, f, page, count);
		break;
	case PAIR_REFLINK_TO:
		share(f, other, page, count);
		break;
	case PAIR_EXCHANGE:
		exchange(f, other, page, count);
		break;
	default:
		break;
	}
}

void pair_sync(struct pair *p)
{
	for (int i = 0; i < 2; i++)
		sync_file(p->w, p->file[i].fd);
}

void pair_tell(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		struct file *f = &p->file[i];

		must(p->w, !ack_file(p->w->log, f->name, f->pages, f->turn));
	}
}
