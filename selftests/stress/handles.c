// SPDX-License-Identifier: GPL-2.0
/* The descriptors and mappings of a worker. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "worker.h"

static char *mapping[FILES_MAX];
static unsigned int mapping_gen[FILES_MAX];

int file_open(int file)
{
	char path[PATH_LEN];
	int fd;

	if (me->file_fd[file] >= 0)
		return me->file_fd[file];
	/* The descriptor would not be the parent's. */
	if (child)
		return -1;
	model_lock();
	if (shm->file[file].state != FILE_NAMED) {
		model_unlock();
		return -1;
	}
	shm->file[file].users |= MY_BIT;
	file_path(file, path);
	model_unlock();

	fd = open(path, O_RDWR);
	if (fd >= 0) {
		me->file_fd[file] = fd;
		return fd;
	}
	if (errno != ENOENT)
		fault(FAULT_RULE, "%s: %s", path, strerror(errno));
	model_lock();
	shm->file[file].users &= ~MY_BIT;
	file_settle(&shm->file[file]);
	model_unlock();
	return -1;
}

int file_any(struct rng *rng)
{
	unsigned int start = rng_below(rng, FILES_MAX), other = rng_below(rng, 4), i;

	for (i = 0; other && i < FILES_MAX; i++) {
		if (me->file_fd[(start + i) % FILES_MAX] >= 0)
			return (start + i) % FILES_MAX;
	}
	for (i = 0; i < FILES_MAX; i++) {
		if (file_open((start + i) % FILES_MAX) >= 0)
			return (start + i) % FILES_MAX;
	}
	return -1;
}

char *file_mapping(int file)
{
	if (mapping[file] && mapping_gen[file] != shm->file[file].gen)
		file_unmap(file);
	if (!mapping[file]) {
		char *map = mmap(NULL, FILE_PAGES * PAGE_SZ, PROT_READ | PROT_WRITE, MAP_SHARED,
				 me->file_fd[file], 0);

		if (map == MAP_FAILED) {
			fault(FAULT_RULE, "mmap: %s", strerror(errno));
			return NULL;
		}
		mapping[file] = map;
		mapping_gen[file] = shm->file[file].gen;
	}
	return mapping[file];
}

void file_unmap(int file)
{
	if (mapping[file])
		munmap(mapping[file], FILE_PAGES * PAGE_SZ);
	mapping[file] = NULL;
}

void file_close(int file)
{
	int fd = me->file_fd[file];

	if (fd < 0)
		return;
	file_unmap(file);
	me->file_fd[file] = -1;
	close(fd);
	model_lock();
	shm->file[file].users &= ~MY_BIT;
	file_settle(&shm->file[file]);
	model_unlock();
}

int lease_any(struct rng *rng)
{
	unsigned int start = rng_below(rng, LEASES_MAX);

	for (int i = 0; i < LEASES_MAX; i++) {
		if (me->lease_fd[(start + i) % LEASES_MAX] >= 0)
			return (start + i) % LEASES_MAX;
	}
	return -1;
}

int dev_any(struct rng *rng, bool rdma)
{
	unsigned int start = rng_below(rng, DEVS_MAX), i, n;

	for (i = 0; i < DEVS_MAX; i++) {
		n = (start + i) % DEVS_MAX;
		if (me->dev_fd[n] >= 0 && shm->dev[n].rdma == rdma)
			return n;
	}
	return -1;
}
