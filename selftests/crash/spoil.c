// SPDX-License-Identifier: GPL-2.0
/*
 *	crash/spoil KIND TYPE EPOCH RESULTS
 *
 * Does to the filesystem of that type what a crash must not do, so that it can
 * be shown that crash/verify finds it.  Prints what that must say then.
 *
 *	cold	one byte of a page that was acknowledged
 *	hot	a page that is older than what was acknowledged
 *	whole	a hole in a file that was acknowledged as a whole
 *	late	a page of a file whose pin was taken back, in a file that got its blocks
 *	shared	a page of a leased file in the other one, with which it shares blocks
 *	size	a file that was acknowledged as a whole, one page longer
 *	lost	a file that was acknowledged, unlinked
 *	gone	a file that was acknowledged as unlinked, made again
 *	foreign	a page of one file in another one
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ack.h"
#include "fs.h"
#include "slot.h"

static const struct dax_fs *fs;
static unsigned int epoch;
static struct ack_list list;

static void file_path(char *path, const char *name)
{
	snprintf(path, PATH_LEN, "%s/e%u/%s", fs_dir(fs), epoch, name);
}

/* Says what verify is to find of that file, or why it was not spoilt. */
static int spoilt(const char *name, bool done, const char *how)
{
	if (!done) {
		perror(name);
		return 1;
	}
	printf("epoch %u: %s: %s\n", epoch, name, how);
	return 0;
}

static int spoilt_page(const char *name, bool done, unsigned int page)
{
	char how[32];

	snprintf(how, sizeof(how), "page %u, word", page);
	return spoilt(name, done, how);
}

static int spoil_page(const struct acked *file, unsigned int page, uint32_t turn)
{
	uint32_t key = slot_key(fs->type, epoch, file->name);
	uint64_t buf[SLOT_WORDS];
	char path[PATH_LEN];
	int fd;

	file_path(path, file->name);
	slot_fill(buf, key, slot_home(file->name, page), turn);
	if (turn == file->page[page].turn)
		((char *)buf)[PAGE_SZ / 2] ^= 1;
	fd = open(path, O_RDWR);
	return spoilt_page(file->name,
			   pwrite(fd, buf, PAGE_SZ, page * PAGE_SZ) == (ssize_t)PAGE_SZ, page);
}

static int spoil_slot(bool hot)
{
	for (unsigned int i = list.nr; i--;) {
		struct acked *file = &list.file[i];

		for (unsigned int page = 0; page < file->pages && !file->whole; page++) {
			uint32_t turn = file->page[page].turn;

			if (file->page[page].known && file->page[page].hot == hot && turn)
				return spoil_page(file, page, turn - hot);
		}
	}
	fprintf(stderr, "no such page was acknowledged\n");
	return 1;
}

/* The nth one that is there, or is gone. */
static const struct acked *nth_file(unsigned int nth, bool whole, bool gone)
{
	for (unsigned int i = list.nr; i--;) {
		struct acked *file = &list.file[i];

		if (file->whole == whole && file->gone == gone && !nth--)
			return file;
	}
	return NULL;
}

static int spoil_hole(void)
{
	char path[PATH_LEN];

	for (unsigned int i = list.nr; i--;) {
		struct acked *file = &list.file[i];

		for (unsigned int page = 0; page < file->pages && file->whole; page++) {
			if (!file->page[page].turn)
				continue;
			file_path(path, file->name);
			return spoilt_page(file->name,
					   !fallocate(open(path, O_RDWR), FALLOC_FL_PUNCH_HOLE |
						      FALLOC_FL_KEEP_SIZE, page * PAGE_SZ, PAGE_SZ),
					   page);
		}
	}
	fprintf(stderr, "no such file was acknowledged\n");
	return 1;
}

static int spoil_file(const char *kind)
{
	const struct acked *file;
	char path[PATH_LEN];

	if (!strcmp(kind, "gone"))
		file = nth_file(0, false, true);
	else
		file = nth_file(!strcmp(kind, "lost"), true, false);
	if (!file) {
		fprintf(stderr, "no such file was acknowledged\n");
		return 1;
	}
	file_path(path, file->name);
	if (!strcmp(kind, "lost"))
		return spoilt(file->name, !unlink(path), "is lost");
	if (!strcmp(kind, "gone"))
		return spoilt(file->name, open(path, O_RDWR | O_CREAT | O_EXCL, 0600) >= 0,
			      "is there again");
	return spoilt(file->name, !truncate(path, (file->pages + 1) * PAGE_SZ), "has ");
}

/* As if a device had gone on writing to a block that another file has got. */
static int spoil_foreign(void)
{
	static const char name[] = "t999999";
	uint64_t buf[SLOT_WORDS];
	char path[PATH_LEN];
	int fd;

	file_path(path, name);
	slot_fill(buf, slot_key(fs->type, epoch, "t0"), 0, 1);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	return spoilt_page(name, write(fd, buf, PAGE_SZ) == (ssize_t)PAGE_SZ, 0);
}

/* A whole file whose name begins and ends like that. */
static const struct acked *named_file(char first, char last)
{
	for (unsigned int i = list.nr; i--;) {
		struct acked *file = &list.file[i];

		if (file->whole && !file->gone && file->name[0] == first &&
		    (!last || file->name[strlen(file->name) - 1] == last))
			return file;
	}
	return NULL;
}

/* As if a device had gone on writing through what was a page of a leased file. */
static int spoil_through_pin(const struct acked *file, const char *leased)
{
	unsigned int page = file ? file->pages / 2 : 0;
	uint64_t buf[SLOT_WORDS];
	char path[PATH_LEN];
	int fd;

	if (!file) {
		fprintf(stderr, "no such file was acknowledged\n");
		return 1;
	}
	file_path(path, file->name);
	slot_fill(buf, slot_key(fs->type, epoch, leased), 0, file->page[page].turn + 1);
	fd = open(path, O_RDWR);
	return spoilt_page(file->name,
			   pwrite(fd, buf, PAGE_SZ, page * PAGE_SZ) == (ssize_t)PAGE_SZ, page);
}

static int spoil_shared(void)
{
	const struct acked *file = named_file('g', '1');

	return spoil_through_pin(file, file ? file->name : "");
}

int main(int argc, char **argv)
{
	char acks[PATH_LEN];

	if (argc != 5) {
		fprintf(stderr, "usage: spoil KIND ext4|xfs EPOCH RESULTS\n");
		return 2;
	}
	fs = strcmp(argv[2], "xfs") ? &fs_ext4 : &fs_xfs;
	epoch = atoi(argv[3]);
	snprintf(acks, sizeof(acks), "%s/acks", argv[4]);
	if (ack_read(acks, fs->type, epoch, &list) <= 0) {
		fprintf(stderr, "no logs of epoch %u in %s\n", epoch, acks);
		return 1;
	}
	if (!strcmp(argv[1], "cold") || !strcmp(argv[1], "hot"))
		return spoil_slot(!strcmp(argv[1], "hot"));
	if (!strcmp(argv[1], "foreign"))
		return spoil_foreign();
	if (!strcmp(argv[1], "late"))
		return spoil_through_pin(named_file('h', 0), "k0.0");
	if (!strcmp(argv[1], "shared"))
		return spoil_shared();
	if (!strcmp(argv[1], "whole"))
		return spoil_hole();
	return spoil_file(argv[1]);
}
