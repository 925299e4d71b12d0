// SPDX-License-Identifier: GPL-2.0
/*
 *	crash/verify TYPE RESULTS
 *
 * After a crash: is all there that was acknowledged in RESULTS/acks, and does no
 * file have what is not its own?  Looks at every epoch directory of the mounted
 * filesystem of that type, and at every epoch of which there are logs.  Each
 * fault is a line, the last line sums up; the status is 1 where there is a fault.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ack.h"
#include "fs.h"
#include "kselftest.h"
#include "slot.h"

/* A cycle that is broken may have thousands. */
#define FAULTS_SHOWN	40

static const struct dax_fs *fs;
static char acks[PATH_LEN];

static struct {
	unsigned int epochs;
	unsigned int cold;
	unsigned int hot;
	unsigned int whole;
	unsigned int gone;
	unsigned int others;
	unsigned int did[DEEDS];
	unsigned int faults;
} sum;

static __printf(3, 4) void fault(unsigned int epoch, const char *name, const char *format, ...)
{
	va_list args;

	if (++sum.faults > FAULTS_SHOWN)
		return;
	printf("%s: epoch %u: %s: ", fs->type, epoch, name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/* The number of a wrong word of what is acknowledged of a page, or -1. */
static int check_acked(const struct acked *file, unsigned int page, const void *buf,
		       uint32_t key, unsigned int home)
{
	uint32_t turn = file->page[page].turn;

	if (file->page[page].hot) {
		sum.hot++;
		return slot_check_since(buf, key, home, turn);
	}
	sum.cold++;
	return slot_check_exact(buf, key, home, turn);
}

static void check_page(unsigned int epoch, const char *name, const struct acked *file,
		       unsigned int page, const uint64_t *buf)
{
	uint32_t key = slot_key(fs->type, epoch, name);
	unsigned int home = slot_home(name, page);
	int bad;

	if (file && page < file->pages && file->page[page].known) {
		bad = check_acked(file, page, buf, key, home);
		if (bad >= 0)
			fault(epoch, name, "page %u, word %d is %016llx of turn %u; acknowledged: %s%u",
			      page, bad, (unsigned long long)buf[bad],
			      slot_turn(buf[bad], key, home, bad),
			      file->page[page].hot ? "at least " : "", file->page[page].turn);
		return;
	}
	bad = slot_check_own(buf, key, home);
	if (bad >= 0)
		fault(epoch, name, "page %u, word %d is %016llx, which is not of this file", page,
		      bad, (unsigned long long)buf[bad]);
}

static void check_file(unsigned int epoch, int dir, const char *name, const struct acked *file)
{
	uint64_t buf[SLOT_WORDS];
	unsigned int page = 0;
	struct stat st;
	ssize_t n = 0;
	int fd;

	fd = openat(dir, name, O_RDONLY);
	if (fd < 0 || fstat(fd, &st)) {
		fault(epoch, name, "cannot be opened: %s", strerror(errno));
		return;
	}
	if (file && file->whole && st.st_size != file->pages * PAGE_SZ)
		fault(epoch, name, "has %lld bytes; acknowledged: %u pages",
		      (long long)st.st_size, file->pages);
	else if (file && st.st_size < file->pages * PAGE_SZ)
		fault(epoch, name, "has only %lld bytes; page %u is acknowledged",
		      (long long)st.st_size, file->pages - 1);
	for (; (n = pread(fd, buf, PAGE_SZ, page * PAGE_SZ)) == (ssize_t)PAGE_SZ; page++)
		check_page(epoch, name, file, page, buf);
	if (n)
		fault(epoch, name, "page %u: read returns %zd", page, n);
	if (!file)
		sum.others++;
	else if (file->whole)
		sum.whole++;
	close(fd);
}

static void check_epoch(unsigned int epoch)
{
	struct dirent *entry;
	struct ack_list list;
	char path[PATH_LEN];
	unsigned int i;
	int logs;
	DIR *dir;

	sum.epochs++;
	logs = ack_read(acks, fs->type, epoch, &list);
	if (logs < 0)
		fault(epoch, "logs", "cannot be read: %s", strerror(-logs));
	for (i = 0; i < DEEDS; i++)
		sum.did[i] += list.did[i];
	snprintf(path, sizeof(path), "%s/e%u", fs_dir(fs), epoch);
	dir = opendir(path);
	if (!dir) {
		fault(epoch, "directory", "%s, of %u files something is acknowledged",
		      strerror(errno), list.nr);
		return;
	}
	for (i = 0; i < list.nr; i++) {
		bool there = !faccessat(dirfd(dir), list.file[i].name, F_OK, 0);

		sum.gone += list.file[i].gone;
		if (there && list.file[i].gone)
			fault(epoch, list.file[i].name, "is there again");
		else if (!there && !list.file[i].gone && !list.file[i].going)
			fault(epoch, list.file[i].name, "is lost");
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			check_file(epoch, dirfd(dir), entry->d_name,
				   ack_find(&list, entry->d_name));
	}
	closedir(dir);
	free(list.file);
}

/* Epochs by what is in a directory: a number behind a prefix. */
static int epochs_of(const char *path, const char *prefix, unsigned int *epoch, int nr, int max)
{
	struct dirent *entry;
	unsigned int number;
	DIR *dir;
	int i;

	dir = opendir(path);
	while (dir && nr < max && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) ||
		    sscanf(entry->d_name + strlen(prefix), "%u", &number) != 1)
			continue;
		for (i = 0; i < nr && epoch[i] != number; i++)
			;
		if (i == nr)
			epoch[nr++] = number;
	}
	if (dir)
		closedir(dir);
	return nr;
}

int main(int argc, char **argv)
{
	unsigned int epoch[64];
	int nr;

	if (argc != 3) {
		fprintf(stderr, "usage: verify ext4|xfs RESULTS\n");
		return 2;
	}
	fs = strcmp(argv[1], "xfs") ? &fs_ext4 : &fs_xfs;
	snprintf(acks, sizeof(acks), "%s/acks", argv[2]);
	nr = epochs_of(fs_dir(fs), "e", epoch, 0, 64);
	nr = epochs_of(acks, "", epoch, nr, 64);
	for (int i = 0; i < nr; i++)
		check_epoch(epoch[i]);
	if (sum.faults > FAULTS_SHOWN)
		printf("%s: and %u more\n", fs->type, sum.faults - FAULTS_SHOWN);
	printf("%s: %u faults in %u epochs; %u cold and %u hot pages, %u whole files, %u gone, %u other files; %u pins let go, %u taken back, %u of their blocks in other files\n",
	       fs->type, sum.faults, sum.epochs, sum.cold, sum.hot, sum.whole, sum.gone,
	       sum.others, sum.did[DEED_GAVE], sum.did[DEED_REVOKED], sum.did[DEED_INHERITED]);
	return sum.faults ? 1 : 0;
}
