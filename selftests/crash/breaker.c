// SPDX-License-Identifier: GPL-2.0
/*
 * Tries every layout change on files that others have leased and pinned.  Each
 * is refused, so a crash in the midst of one leaves no trace of it: neither in
 * that file nor in the other one that some of them need.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "ack.h"
#include "change.h"
#include "shared.h"
#include "work.h"

#define RANGE_PAGES	8
#define OTHER		"b.other"

static const struct {
	const char *name;
	peer_fn fn;
	bool reflink;
} changes[] = {
	{ "truncate", change_truncate, false },
	{ "ftruncate", change_ftruncate, false },
	{ "open with O_TRUNC", change_open_trunc, false },
	{ "punch", change_punch, false },
	{ "zero", change_zero, false },
	{ "collapse", change_collapse, false },
	{ "insert", change_insert, false },
	{ "unshare", change_unshare, true },
	{ "reflink from", change_reflink_from, true },
	{ "reflink to", change_reflink_to, true },
	{ "exchange", change_exchange_1, true },
	{ "exchange with", change_exchange_2, true },
	{ "repair", change_repair, true },
};

#define CHANGES		(sizeof(changes) / sizeof(changes[0]))

static void make_other(struct worker *w)
{
	uint32_t turn[ACK_PAGES];
	int fd;

	fd = new_file(w, OTHER);
	for (unsigned int page = 0; page < ACK_PAGES; page++) {
		turn[page] = page + 1;
		write_page(w, fd, OTHER, page, turn[page]);
	}
	sync_file(w, fd);
	sync_dir(w);
	must(w, !ack_file(w->log, OTHER, ACK_PAGES, turn));
	close(fd);
}

static void try_change(struct worker *w, struct target *target, const char *other)
{
	unsigned int nr = draw(w, CHANGES);
	struct change c;
	long ret;

	if (changes[nr].reflink && !w->fs->reflink)
		return;
	pthread_mutex_lock(&target->lock);
	if (target->path[0]) {
		c = change_of(target->path, other, draw(w, 32) * PAGE_SZ, RANGE_PAGES * PAGE_SZ);
		ret = changes[nr].fn(&c);
		if (ret != -ETXTBSY)
			wrong(w, "%s of %s, leased: %ld", changes[nr].name, target->path, ret);
		(*w->rounds)++;
	}
	pthread_mutex_unlock(&target->lock);
}

void breaker(struct worker *w)
{
	char other[PATH_LEN];

	make_other(w);
	name_path(w, other, OTHER);
	for (;;) {
		try_change(w, &w->shared->target[draw(w, TARGETS)], other);
		usleep(draw(w, 3000));
	}
}
