// SPDX-License-Identifier: GPL-2.0
/*
 * Holders of a breakable lease, with all of a file pinned.  A device writes into
 * it while another process changes its layout.  The one kind of holder gives way:
 * it unpins, waits until the change is over, looks at the file, and pins again.
 * The other kind does not, and the pin is taken back.
 *
 * The first pages are not changed: the device writes them one after the other, and
 * each is acknowledged.  The whole of both files is acknowledged whenever nobody
 * writes; it stays so while the pin keeps the change away.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"
#include "event.h"
#include "file.h"
#include "lease.h"
#include "pair.h"
#include "shared.h"
#include "slot.h"

#define COLD		12U
#define FIRST_PAGES	32U
#define CHANGES		4U
/* What a holder must keep within, that does not give way. */
#define SHORT_MS	100U
#define SHORT_SPREAD_MS	201U

struct holder {
	struct worker *w;
	struct handover *handover;
	bool gives_way;
	struct device device[2];
	/* The present pair: the first file is the leased one. */
	struct pair pair;
	struct device *d;
	uint32_t key;
	int lease;
	char *map;
	unsigned int cold;
	/* What it has been told since the change was let go. */
	bool asked;
	bool revoked;
	bool resumed;
	/* Of a write that was cut short: the page is of either turn, or of both. */
	uint32_t cut;
	uint32_t before_cut;
};

/* No longer acknowledged: what is changed, and what the device writes next. */
static void withdraw(struct holder *h)
{
	must(h->w, !ack_open_from(h->w->log, h->pair.file[0].name, h->cold));
	must(h->w, !ack_open_from(h->w->log, h->pair.file[1].name, 0));
}

static void acknowledge(struct holder *h)
{
	pair_sync(&h->pair);
	pair_tell(&h->pair);
}

/* The next turn of a page by the device; false where the pin was taken back. */
static bool write_turn(struct holder *h, unsigned int page)
{
	struct pair *p = &h->pair;
	uint32_t old = p->file[0].turn[page];

	p->file[0].turn[page] = ++p->last_turn;
	slot_fill(h->d->buf, h->key, 0, p->last_turn);
	if (device_write(h->w, h->d, page, 1))
		return true;
	h->cut = p->last_turn;
	h->before_cut = old;
	return false;
}

static bool write_cold(struct holder *h)
{
	if (h->cold == COLD)
		return true;
	if (!write_turn(h, h->cold))
		return false;
	sync_file(h->w, h->pair.file[0].fd);
	must(h->w, !ack_slots(h->w->log, h->pair.file[0].name, h->cold, 1,
			      h->pair.file[0].turn[h->cold], false));
	h->cold++;
	return true;
}

static bool write_any(struct holder *h)
{
	return write_turn(h, COLD + draw(h->w, h->pair.file[0].pages - COLD));
}

static void check_page(struct holder *h, const struct file *f, unsigned int page, const void *buf)
{
	uint32_t turn = f->turn[page];
	int bad;

	if (turn && turn == h->cut)
		bad = slot_check_between(buf, h->key, 0, h->before_cut, turn);
	else
		bad = slot_check_exact(buf, h->key, 0, turn);
	if (bad >= 0)
		wrong(h->w, "%s: after change %u, page %u, word %d is not of turn %u", f->name,
		      h->handover->change.kind, page, bad, turn);
}

/* Each page is what the change has made of it. */
static void look(struct holder *h)
{
	uint64_t buf[SLOT_WORDS];

	for (int i = 0; i < 2; i++) {
		struct file *f = &h->pair.file[i];

		for (unsigned int page = 0; page < f->pages; page++) {
			must(h->w, pread(f->fd, buf, PAGE_SZ, page * PAGE_SZ) ==
			     (ssize_t)PAGE_SZ);
			check_page(h, f, page, buf);
		}
		must(h->w, pread(f->fd, buf, PAGE_SZ, f->pages * PAGE_SZ) == 0);
	}
}

/* Long enough for the next round, and what was cut short, written anew. */
static void repair(struct holder *h)
{
	for (int i = 0; i < 2; i++) {
		struct file *f = &h->pair.file[i];

		for (unsigned int page = 0; page < f->pages && h->cut; page++) {
			if (f->turn[page] == h->cut)
				pair_write(&h->pair, f, page, 1);
		}
		if (f->pages < FIRST_PAGES)
			pair_write(&h->pair, f, f->pages, FIRST_PAGES - f->pages);
	}
	h->cut = 0;
}

/* A part of the pinned file behind the first pages, that is not the end of it. */
static struct pair_change draw_change(struct holder *h)
{
	unsigned int smaller = h->pair.file[0].pages;
	struct pair_change change;

	if (h->pair.file[1].pages < smaller)
		smaller = h->pair.file[1].pages;
	change.kind = draw(h->w, h->w->fs->reflink ? PAIR_KINDS : PAIR_REFLINK);
	change.page = COLD + draw(h->w, smaller - COLD - 1);
	change.count = 1 + draw(h->w, smaller - 1 - change.page);
	if (change.kind == PAIR_INSERT && h->pair.file[0].pages + change.count > ACK_PAGES)
		change.kind = PAIR_PUNCH;
	return change;
}

static void let_change(struct holder *h)
{
	h->asked = false;
	h->revoked = false;
	h->resumed = false;
	h->handover->change = draw_change(h);
	h->handover->pages = h->pair.file[0].pages;
	must(h->w, !sem_post(&h->handover->go));
}

/* Waits for the next event. */
static void hear(struct holder *h)
{
	struct daxlease_event event;
	int ret;

	ret = event_next(h->lease, &event);
	if (ret || event.outcome)
		wrong(h->w, "%s: change %u: %d, event %u, outcome %u", h->pair.file[0].name,
		      h->handover->change.kind, ret, event.type, event.outcome);
	h->asked |= event.type == DAXLEASE_EVENT_BREAK;
	h->revoked |= event.type == DAXLEASE_EVENT_REVOKED;
	h->resumed |= event.type == DAXLEASE_EVENT_RESUMED;
}

static void hear_all(struct holder *h)
{
	while (event_pending(h->lease))
		hear(h);
}

static void change_is_done(struct holder *h, enum ack_deed deed)
{
	while (!h->resumed)
		hear(h);
	must(h->w, !sem_wait(&h->handover->done));
	must(h->w, h->asked && h->revoked == (deed == DEED_REVOKED));
	pair_changed(&h->pair.file[0], &h->pair.file[1], &h->handover->change);
	must(h->w, !ack_did(h->w->log, deed, 1));
}

/* Works on until it is asked to let go, and then does. */
static void give_way(struct holder *h)
{
	do {
		must(h->w, write_cold(h));
		for (unsigned int n = draw(h->w, 4); n; n--)
			must(h->w, write_any(h));
		acknowledge(h);
		/* Nothing but the pin keeps it as it is now. */
		usleep(draw(h->w, 40000));
		withdraw(h);
		hear_all(h);
	} while (!h->asked);
	must(h->w, write_any(h));
	device_unpin(h->w, h->d);
	change_is_done(h, DEED_GAVE);
}

/* Works on for as long as it can. */
static void keep(struct holder *h)
{
	bool told;

	do {
		hear_all(h);
		told = h->revoked;
		if (!write_any(h))
			break;
		if (told)
			wrong(h->w, "%s: a device writes what was taken back from it",
			      h->pair.file[0].name);
	} while (draw(h->w, 16) || write_cold(h));
	change_is_done(h, DEED_REVOKED);
	device_unpin(h->w, h->d);
}

static void one_change(struct holder *h)
{
	device_pin(h->w, h->d, h->map, h->pair.file[0].pages, !h->gives_way);
	withdraw(h);
	let_change(h);
	if (h->gives_way)
		give_way(h);
	else
		keep(h);
	look(h);
	repair(h);
	acknowledge(h);
	(*h->w->rounds)++;
}

static void take_lease(struct holder *h)
{
	uint32_t ms = BREAK_NEVER_MS;

	if (!h->gives_way)
		ms = SHORT_MS + draw(h->w, SHORT_SPREAD_MS);
	h->lease = lease_open();
	must(h->w, h->lease >= 0);
	must(h->w, !lease_acquire_breakable(h->lease, h->pair.file[0].fd, 0, 0, ms));
}

static void one_pair(struct holder *h, unsigned int n)
{
	struct file *f = &h->pair.file[0];

	pair_make(&h->pair, h->gives_way ? 'g' : 'k', n, FIRST_PAGES);
	h->key = slot_key(h->w->fs->type, h->w->epoch, f->name);
	h->d = &h->device[n % 2];
	h->cold = 0;
	acknowledge(h);
	snprintf(h->handover->path, PATH_LEN, "%s", f->path);
	snprintf(h->handover->other, PATH_LEN, "%s", h->pair.file[1].path);
	h->map = file_map(f->fd, ACK_PAGES * PAGE_SZ, PROT_READ | PROT_WRITE);
	must(h->w, h->map);
	take_lease(h);
	for (unsigned int i = 0; i < CHANGES; i++)
		one_change(h);
	must(h->w, !lease_release(h->lease));
	close(h->lease);
	munmap(h->map, ACK_PAGES * PAGE_SZ);
	pair_close(&h->pair);
}

static void holder(struct worker *w, bool gives_way)
{
	struct holder h = { .w = w, .pair.w = w, .gives_way = gives_way };

	h.handover = &w->shared->handover[gives_way ? HANDOVER_GIVER : HANDOVER_KEEPER];
	h.device[1].is_rdma = true;
	for (int i = 0; i < 2; i++)
		device_open(w, &h.device[i]);
	for (unsigned int n = 0; n < WORK_FILES; n++)
		one_pair(&h, n);
}

void holder_giver(struct worker *w)
{
	holder(w, true);
}

void holder_keeper(struct worker *w)
{
	holder(w, false);
}
