// SPDX-License-Identifier: GPL-2.0
/*
 * A device writes into a leased file, page by page, and each is acknowledged
 * once fsync has returned: cold pages are then left alone, hot ones are written
 * again and again.  The rest of the file is not pinned, and the holder itself
 * changes its layout there.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ack.h"
#include "device.h"
#include "file.h"
#include "lease.h"
#include "shared.h"
#include "slot.h"

#define COLD		32U
#define HOT		16U
#define PINNED		(COLD + HOT)
#define PAGES		ACK_PAGES
#define BATCH		DEVICE_BATCH

struct pinner {
	struct worker *w;
	struct device device;
	struct target *target;
	/* The present file. */
	char name[ACK_NAME];
	uint32_t key;
	int fd;
	int lease;
	char *map;
	uint32_t turn[PAGES];
};

static void pin(struct pinner *p)
{
	device_pin(p->w, &p->device, p->map, PINNED, false);
}

/* The next turn of these pages, in one transfer. */
static void write_turn(struct pinner *p, unsigned int page, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		slot_fill(p->device.buf + i * PAGE_SZ, p->key, page + i, ++p->turn[page + i]);
	if (!device_write(p->w, &p->device, page, count))
		wrong(p->w, "%s: the pin was taken back", p->name);
}

static void write_cold(struct pinner *p, unsigned int page, unsigned int count)
{
	write_turn(p, page, count);
	sync_file(p->w, p->fd);
	must(p->w, !ack_slots(p->w->log, p->name, page, count, p->turn[page], false));
}

static void write_hot(struct pinner *p)
{
	unsigned int page, count = 1 + draw(p->w, BATCH);

	page = COLD + draw(p->w, HOT - count + 1);
	write_turn(p, page, count);
	if (draw(p->w, 2))
		return;
	sync_file(p->w, p->fd);
	for (; count; count--, page++)
		must(p->w, !ack_slots(p->w->log, p->name, page, 1, p->turn[page], true));
}

/* Of the holder itself: done where nothing is pinned, else refused. */
static void change_own_layout(struct pinner *p)
{
	unsigned int page = PINNED + draw(p->w, PAGES - PINNED);
	int ret, want = 0;

	switch (draw(p->w, 5)) {
	case 0:
		ret = ftruncate(p->fd, page * PAGE_SZ);
		break;
	case 1:
		ret = fallocate(p->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				PINNED * PAGE_SZ, (PAGES - PINNED) * PAGE_SZ);
		break;
	case 2:
		write_page(p->w, p->fd, p->name, page, ++p->turn[page]);
		return;
	case 3:
		want = EDEADLK;
		ret = ftruncate(p->fd, draw(p->w, PINNED) * PAGE_SZ);
		break;
	default:
		want = EDEADLK;
		ret = fallocate(p->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				draw(p->w, PINNED) * PAGE_SZ, PAGE_SZ);
		break;
	}
	if ((ret ? errno : 0) != want)
		wrong(p->w, "%s: a change by the holder: errno %d, not %d", p->name, errno, want);
}

/* With pages that are there, with holes, or with blocks that are not written. */
static void make_file(struct pinner *p, unsigned int n)
{
	unsigned int page, kind = draw(p->w, 3);

	memset(p->turn, 0, sizeof(p->turn));
	snprintf(p->name, sizeof(p->name), "%c%u", p->device.is_rdma ? 'r' : 't', n);
	p->key = slot_key(p->w->fs->type, p->w->epoch, p->name);
	p->fd = new_file(p->w, p->name);
	if (kind == 0)
		must(p->w, !ftruncate(p->fd, PAGES * PAGE_SZ));
	if (kind == 1)
		must(p->w, !fallocate(p->fd, 0, 0, PAGES * PAGE_SZ));
	for (page = 0; page < PAGES && kind == 2; page++)
		write_page(p->w, p->fd, p->name, page, ++p->turn[page]);
	sync_file(p->w, p->fd);
	sync_dir(p->w);
	p->map = file_map(p->fd, PAGES * PAGE_SZ, PROT_READ | PROT_WRITE);
	must(p->w, p->map);
}

static void run_file(struct pinner *p)
{
	unsigned int page, count;

	for (page = 0; page < COLD; page += count) {
		count = 1 + draw(p->w, BATCH);
		if (count > COLD - page)
			count = COLD - page;
		write_cold(p, page, count);
		write_hot(p);
		if (!p->w->lies)
			change_own_layout(p);
		if (!draw(p->w, 4)) {
			device_unpin(p->w, &p->device);
			pin(p);
		}
		(*p->w->rounds)++;
	}
}

static void pinner(struct worker *w, bool is_rdma)
{
	struct pinner p = { .w = w, .device.is_rdma = is_rdma };

	p.target = &w->shared->target[is_rdma ? TARGET_RDMA : TARGET_TESTDEV];
	device_open(w, &p.device);
	/* Whoever tries to change its layout, does so while it is leased. */
	pthread_mutex_lock(&p.target->lock);
	for (unsigned int n = 0; n < WORK_FILES; n++) {
		make_file(&p, n);
		p.lease = lease_take(p.fd);
		must(w, p.lease >= 0);
		name_path(w, p.target->path, p.name);
		pthread_mutex_unlock(&p.target->lock);

		pin(&p);
		run_file(&p);
		device_unpin(w, &p.device);

		pthread_mutex_lock(&p.target->lock);
		must(w, !lease_release(p.lease));
		close(p.lease);
		munmap(p.map, PAGES * PAGE_SZ);
		close(p.fd);
	}
}

void pinner_testdev(struct worker *w)
{
	pinner(w, false);
}

void pinner_rdma(struct worker *w)
{
	pinner(w, true);
}
