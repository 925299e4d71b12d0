// SPDX-License-Identifier: GPL-2.0
/*
 * Changes the layout of pairs of files that nobody has leased, and knows what
 * they must then contain.  In the end each pair is acknowledged as it is, or as
 * gone.  Their blocks come from, and go to, the pinned files of others.
 */
#include <unistd.h>

#include "pair.h"

#define FIRST_PAGES	16U
#define STEPS		12U

static const enum pair_kind changes[] = {
	PAIR_TRUNCATE, PAIR_PUNCH, PAIR_COLLAPSE, PAIR_INSERT, PAIR_REFLINK, PAIR_EXCHANGE,
};

#define CHANGES		(sizeof(changes) / sizeof(changes[0]))
#define ANY_FS		(CHANGES - 2)

static void change(struct pair *p, struct file *f, struct file *other,
		   struct pair_change change)
{
	long ret;

	if (change.kind == PAIR_PUNCH && draw(p->w, 2))
		change.kind = PAIR_ZERO;
	if (change.kind == PAIR_INSERT && f->pages + change.count > ACK_PAGES)
		return;
	ret = pair_change(f->path, other->path, &change);
	if (ret)
		wrong(p->w, "change %u of %s, pages %u to %u: %ld", change.kind, f->name,
		      change.page, change.page + change.count, ret);
	pair_changed(f, other, &change);
}

static void step(struct pair *p)
{
	unsigned int i = draw(p->w, 2);
	struct file *f = &p->file[i], *other = &p->file[!i];
	unsigned int smaller = f->pages < other->pages ? f->pages : other->pages;
	unsigned int page, count, kind = draw(p->w, 3 + (p->w->fs->reflink ? CHANGES : ANY_FS));

	/* A part that is not the end of it, so that every kind can do it. */
	page = draw(p->w, smaller - 1);
	count = 1 + draw(p->w, smaller - 1 - page);
	if (kind == 0)
		pair_extend(p, f, draw(p->w, ACK_PAGES - f->pages + 1) + f->pages);
	else if (kind <= 2)
		pair_write(p, f, page, count);
	else
		change(p, f, other, (struct pair_change){ changes[kind - 3], page, count });
	/* All of them need two pages. */
	if (f->pages < 2)
		pair_write(p, f, 0, FIRST_PAGES);
}

static void end_pair(struct pair *p)
{
	bool gone = !draw(p->w, 4);

	for (int i = 0; i < 2; i++) {
		struct file *f = &p->file[i];

		if (gone)
			must(p->w, !unlink(f->path));
		else
			sync_file(p->w, f->fd);
	}
	pair_close(p);
	sync_dir(p->w);
	for (int i = 0; i < 2 && gone; i++)
		must(p->w, !ack_gone(p->w->log, p->file[i].name));
	if (!gone)
		pair_tell(p);
	(*p->w->rounds)++;
}

void churner(struct worker *w)
{
	struct pair p = { .w = w };

	for (unsigned int n = 0; n < WORK_FILES; n++) {
		pair_make(&p, 'c', n, FIRST_PAGES);
		for (unsigned int i = draw(w, STEPS) + 1; i; i--)
			step(&p);
		end_pair(&p);
	}
}
