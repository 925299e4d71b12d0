// SPDX-License-Identifier: GPL-2.0
/*
 * Unlinks files that are leased and pinned, the device goes on writing.  What a
 * crash leaves of them are orphans, whose blocks the recovery must give back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ack.h"
#include "file.h"
#include "lease.h"
#include "slot.h"
#include "testdev.h"
#include "work.h"

/* Large enough to be missed among the free blocks. */
#define PAGES		1024U
#define WRITES		20

static void device_writes(struct worker *w, int dev, uint32_t pin, uint32_t key)
{
	uint64_t buf[SLOT_WORDS];
	unsigned int page;

	for (int i = 0; i < WRITES; i++) {
		page = draw(w, PAGES);
		slot_fill(buf, key, page, 1 + i);
		must(w, !testdev_write(dev, pin, page * PAGE_SZ, buf, PAGE_SZ));
	}
}

static void one_file(struct worker *w, const char *name, int dev)
{
	uint32_t pin, key = slot_key(w->fs->type, w->epoch, name);
	int fd, lease;
	char path[PATH_LEN], *map;

	fd = new_file(w, name);
	must(w, !fallocate(fd, 0, 0, PAGES * PAGE_SZ));
	if (draw(w, 2))
		sync_file(w, fd);
	map = file_map(fd, PAGES * PAGE_SZ, PROT_READ | PROT_WRITE);
	must(w, map);
	lease = lease_take(fd);
	must(w, lease >= 0);
	must(w, !testdev_pin(dev, map, PAGES, TESTDEV_PIN_WRITE, &pin));
	device_writes(w, dev, pin, key);

	name_path(w, path, name);
	must(w, !unlink(path));
	sync_dir(w);
	must(w, !ack_gone(w->log, name));
	(*w->rounds)++;

	/* Nobody but the device has it now. */
	must(w, !munmap(map, PAGES * PAGE_SZ));
	must(w, !close(fd));
	close(lease);
	device_writes(w, dev, pin, key);
	usleep(draw(w, 100000));
	must(w, !testdev_unpin(dev, pin));
}

void unlinker(struct worker *w)
{
	char name[ACK_NAME];
	int dev = testdev_open();

	must(w, dev >= 0);
	for (unsigned int n = 0; n < WORK_FILES; n++) {
		snprintf(name, sizeof(name), "u%u", n);
		one_file(w, name, dev);
	}
}
