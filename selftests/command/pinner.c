// SPDX-License-Identifier: GPL-2.0
/*
 * Pins the first pages of a file through the test device and says so, then waits
 * to be killed:
 *
 *   pinner FILE PAGES [revocable]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file.h"
#include "testdev.h"

int main(int argc, char **argv)
{
	uint32_t flags = TESTDEV_PIN_WRITE, id;
	int fd, dev, ret;
	long pages;
	void *map;

	if (argc < 3) {
		fprintf(stderr, "usage: pinner FILE PAGES [revocable]\n");
		return 2;
	}
	pages = atol(argv[2]);
	if (argc > 3)
		flags |= TESTDEV_PIN_REVOCABLE;
	fd = open(argv[1], O_RDWR);
	dev = testdev_open();
	if (fd < 0 || dev < 0) {
		perror("pinner: open");
		return 1;
	}
	map = file_map(fd, pages * PAGE_SZ, PROT_READ | PROT_WRITE);
	if (!map) {
		perror("pinner: mmap");
		return 1;
	}
	ret = testdev_pin(dev, map, pages, flags, &id);
	if (ret) {
		fprintf(stderr, "pinner: pin: %s\n", strerror(-ret));
		return 1;
	}
	puts("pinned");
	fflush(stdout);
	pause();
	return 0;
}
