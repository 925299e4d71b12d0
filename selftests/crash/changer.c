// SPDX-License-Identifier: GPL-2.0
/*
 * Does the layout changes that the holder of a breakable lease has drawn, in its
 * own process and at its own pace, while that one has the range pinned.  Where the
 * pin is taken back, new files that may get the blocks are acknowledged.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "ack.h"
#include "file.h"
#include "shared.h"

/* So many try to get one of the blocks; so many are kept. */
#define TRIES		4
#define HEIRS		24U

struct blocks {
	unsigned int nr;
	uint64_t physical[ACK_PAGES];
};

struct heirs {
	unsigned int made;
	unsigned int removed;
};

static void blocks_of(struct worker *w, int fd, unsigned int pages, struct blocks *blocks)
{
	struct extent extent;
	int ret;

	blocks->nr = 0;
	for (unsigned int page = 0; page < pages; page++) {
		ret = file_extent(fd, page * PAGE_SZ, &extent);
		must(w, ret >= 0);
		if (ret)
			blocks->physical[blocks->nr++] =
				extent.physical + page * PAGE_SZ - extent.logical;
	}
}

static unsigned int blocks_in_both(const struct blocks *a, const struct blocks *b)
{
	unsigned int both = 0;

	for (unsigned int i = 0; i < a->nr; i++) {
		for (unsigned int j = 0; j < b->nr; j++)
			both += a->physical[i] == b->physical[j];
	}
	return both;
}

static void remove_heir(struct worker *w, struct heirs *heirs)
{
	char name[ACK_NAME], path[PATH_LEN];

	snprintf(name, sizeof(name), "h%u", heirs->removed++);
	name_path(w, path, name);
	/* It was acknowledged, and may be gone as soon as this is called. */
	must(w, !ack_going(w->log, name));
	must(w, !unlink(path));
	sync_dir(w);
	must(w, !ack_gone(w->log, name));
}

/* A file that is acknowledged; how many of those blocks it has got. */
static unsigned int make_heir(struct worker *w, struct heirs *heirs, const struct blocks *old)
{
	uint32_t turn[ACK_PAGES];
	struct blocks blocks;
	char name[ACK_NAME];
	int fd;

	snprintf(name, sizeof(name), "h%u", heirs->made++);
	fd = new_file(w, name);
	for (unsigned int page = 0; page < old->nr; page++) {
		turn[page] = page + 1;
		write_page(w, fd, name, page, turn[page]);
	}
	sync_file(w, fd);
	sync_dir(w);
	must(w, !ack_file(w->log, name, old->nr, turn));
	blocks_of(w, fd, old->nr, &blocks);
	close(fd);
	return blocks_in_both(old, &blocks);
}

static void inherit(struct worker *w, struct heirs *heirs, const struct blocks *old)
{
	unsigned int got = 0;

	for (int i = 0; i < TRIES && !got; i++) {
		got = make_heir(w, heirs, old);
		if (heirs->made > HEIRS + heirs->removed)
			remove_heir(w, heirs);
	}
	must(w, !ack_did(w->log, DEED_INHERITED, got));
	(*w->rounds)++;
}

static void change(struct worker *w, struct handover *h, struct heirs *heirs)
{
	struct blocks old;
	long ret;
	int fd;

	fd = open(h->path, O_RDWR | O_CLOEXEC);
	must(w, fd >= 0);
	blocks_of(w, fd, h->pages, &old);
	ret = pair_change(h->path, h->other, &h->change);
	if (ret)
		wrong(w, "change %u of %s, pages %u to %u: %ld", h->change.kind, h->path,
		      h->change.page, h->change.page + h->change.count, ret);
	/* What is freed, is so once that is on the medium. */
	sync_file(w, fd);
	close(fd);
	if (heirs)
		inherit(w, heirs, &old);
	else
		(*w->rounds)++;
}

static void changer(struct worker *w, struct handover *h, struct heirs *heirs)
{
	for (;;) {
		must(w, !sem_wait(&h->go));
		usleep(draw(w, 30000));
		change(w, h, heirs);
		must(w, !sem_post(&h->done));
	}
}

void changer_of_giver(struct worker *w)
{
	changer(w, &w->shared->handover[HANDOVER_GIVER], NULL);
}

void changer_of_keeper(struct worker *w)
{
	struct heirs heirs = { 0 };

	changer(w, &w->shared->handover[HANDOVER_KEEPER], &heirs);
}
