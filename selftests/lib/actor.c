// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actor.h"
#include "event.h"
#include "file.h"
#include "lease.h"
#include "testdev.h"

static int fd = -1;
static int lease = -1;
static int dev = -1;
static char *map;
static size_t map_size;

long actor_open(void *path)
{
	struct stat st;

	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	map_size = st.st_size;
	map = file_map(fd, map_size, PROT_READ | PROT_WRITE);
	if (!map)
		return -errno;
	lease = lease_open();
	if (lease < 0)
		return lease;
	dev = testdev_open();
	return dev < 0 ? dev : 0;
}

long actor_acquire(void *arg)
{
	struct actor_range *range = arg;

	return lease_acquire(lease, fd, range->off, range->len, &range->id);
}

long actor_acquire_breakable(void *arg)
{
	struct actor_range *range = arg;

	return lease_acquire_breakable(lease, fd, range->off, range->len, range->arg);
}

long actor_pin(void *arg)
{
	struct actor_range *range = arg;
	uint32_t id;
	int ret;

	ret = testdev_pin(dev, map + range->off, range->len / PAGE_SZ, range->arg, &id);
	range->id = id;
	return ret;
}

long actor_unpin(void *arg)
{
	struct actor_range *range = arg;

	return testdev_unpin(dev, range->id);
}

long actor_dma(void *arg)
{
	struct actor_range *range = arg;
	char *buf;
	int ret;

	buf = malloc(range->len);
	if (!buf)
		return -ENOMEM;
	memset(buf, range->arg, range->len);
	ret = testdev_write(dev, range->id, range->off, buf, range->len);
	free(buf);
	return ret;
}

long actor_attach(void *unused)
{
	(void)unused;
	return lease_attach(lease);
}

long actor_release(void *unused)
{
	(void)unused;
	return lease_release(lease);
}

long actor_close_lease(void *unused)
{
	(void)unused;
	return close(lease) ? -errno : 0;
}

long actor_close_dev(void *unused)
{
	(void)unused;
	return close(dev) ? -errno : 0;
}

long actor_close_file(void *unused)
{
	(void)unused;
	if (munmap(map, map_size))
		return -errno;
	return close(fd) ? -errno : 0;
}

static void noted(int sig)
{
	(void)sig;
}

long actor_catch_sigusr1(void *unused)
{
	struct sigaction action = { .sa_handler = noted };

	(void)unused;
	return sigaction(SIGUSR1, &action, NULL) ? -errno : 0;
}

long actor_use_lease(void *arg)
{
	close(lease);
	lease = *(int *)arg;
	return 0;
}

long actor_use_dev(void *arg)
{
	close(dev);
	dev = *(int *)arg;
	return 0;
}

long actor_lease_fd(void *unused)
{
	(void)unused;
	return lease;
}

long actor_dev_fd(void *unused)
{
	(void)unused;
	return dev;
}

long peer_open(struct peer *peer, const char *path)
{
	char arg[PATH_LEN];

	snprintf(arg, sizeof(arg), "%s", path);
	return peer_call(peer, actor_open, arg, sizeof(arg));
}

long peer_acquire(struct peer *peer, uint64_t off, uint64_t len)
{
	struct actor_range range = { .off = off, .len = len };

	return peer_call(peer, actor_acquire, &range, sizeof(range));
}

long peer_pin(struct peer *peer, unsigned long page, unsigned long pages, uint32_t flags)
{
	struct actor_range range = {
		.off	= page * PAGE_SZ,
		.len	= pages * PAGE_SZ,
		.arg	= flags,
	};
	long ret;

	ret = peer_call(peer, actor_pin, &range, sizeof(range));
	return ret ? ret : (long)range.id;
}

long peer_unpin(struct peer *peer, long id)
{
	struct actor_range range = { .id = id };

	return peer_call(peer, actor_unpin, &range, sizeof(range));
}

long peer_dma(struct peer *peer, long id, uint64_t off, uint64_t len, char byte)
{
	struct actor_range range = {
		.id	= id,
		.off	= off,
		.len	= len,
		.arg	= byte,
	};

	return peer_call(peer, actor_dma, &range, sizeof(range));
}
