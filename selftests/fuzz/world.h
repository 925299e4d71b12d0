/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the calls are about: files on one filesystem, descriptors of every kind,
 * memory to pin.  Descriptors have fixed numbers, so that one which is closed is
 * never, by a race, something else of this process.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include <stdbool.h>
#include <sys/types.h>

#include "call.h"
#include "fs.h"
#include "peer.h"
#include "util.h"

#define LEASES		8
#define DEVS		3

/* First numbers of each. */
#define FILE_FD		200
#define LEASE_FD	240
#define DEV_FD		260
#define NO_FD		300

#define WORLD_USER	1234
#define WORLD_PAGES	64UL
#define WORLD_SIZE	(WORLD_PAGES * PAGE_SZ)

/* AREA_MIXED: anonymous memory, file0, file1, anonymous memory, nothing. */
#define ANON_PAGES	16UL
#define MIXED_FILE0	ANON_PAGES
#define MIXED_FILE1	(MIXED_FILE0 + WORLD_PAGES)
#define MIXED_TAIL	(MIXED_FILE1 + WORLD_PAGES)
#define MIXED_END	(MIXED_TAIL + 4)
#define MIXED_PAGES	(MIXED_END + 4)

/* Threads, each with two times two pages for BUF_DAX at the end of file1. */
#define WORKERS		4
#define DAX_BUF_PAGES	(WORKERS * 4)
#define DAX_BUF_PAGE	(WORLD_PAGES - DAX_BUF_PAGES)

struct world {
	const struct dax_fs *fs;
	char dir[PATH_LEN];
	char path[NR_FILES][PATH_LEN];
	ino_t ino[NR_FILES];
	bool root;
	/* Every other thread of it is the user. */
	bool mixed;
	bool compat;
	/* Another process of the same user, with the files open. */
	struct peer peer;
	char *area[NR_AREAS];
	char *dax_buf;
};

/* By root: the files, the descriptors, the devices for everybody. */
int world_make(struct world *world, const struct dax_fs *fs);

/* The process becomes the user, or stays root, and maps its memory. */
int world_enter(struct world *world, bool root);

/* By root, when the others are gone: nothing is left of them. */
int world_end(struct world *world);

/* A number for what is to be passed as file; slot is of the lease fd in use. */
int world_fd(enum fdkind kind, int slot);

/* Whether 32-bit calls get through. */
bool compat_works(void);
long compat_ioctl(int fd, unsigned int cmd, uint32_t arg);
long compat_read(int fd, uint32_t buf, uint32_t len);
long compat_poll(uint32_t fds, uint32_t nr, int timeout);

/* A layout change, or what is none: 0 or -errno. */
long world_change(int file, enum change what, off_t off, off_t len);

/* The same by the other process, which gets signals meanwhile if told so. */
long world_foreign_change(struct world *world, int file, enum change what, off_t off, off_t len,
			  bool signals);

/* It gets the lease fd, attaches, and closes it: 0 or -errno of ATTACH. */
long world_give(struct world *world, int fd);

#endif
