// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "testdev.h"

int testdev_open(void)
{
	int fd = open(TESTDEV_DEV, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int testdev_pin(int dev, const void *addr, uint32_t pages, uint32_t flags, uint32_t *id)
{
	struct testdev_pin arg = {
		.addr		= (uintptr_t)addr,
		.nr_pages	= pages,
		.flags		= flags,
	};

	if (ioctl(dev, TESTDEV_PIN, &arg))
		return -errno;
	*id = arg.id;
	return 0;
}

int testdev_unpin(int dev, uint32_t id)
{
	return ioctl(dev, TESTDEV_UNPIN, id) ? -errno : 0;
}

int testdev_unpin_told(int dev, uint32_t id, bool *revoked)
{
	int ret = ioctl(dev, TESTDEV_UNPIN_TOLD, id);

	if (ret < 0)
		return -errno;
	*revoked = ret;
	return 0;
}

static int testdev_io(int dev, unsigned long cmd, uint32_t id, uint64_t off,
		      const void *buf, size_t len)
{
	struct testdev_io arg = {
		.id	= id,
		.offset	= off,
		.length	= len,
		.buf	= (uintptr_t)buf,
	};

	return ioctl(dev, cmd, &arg) ? -errno : 0;
}

int testdev_write(int dev, uint32_t id, uint64_t off, const void *buf, size_t len)
{
	return testdev_io(dev, TESTDEV_DMA_WRITE, id, off, buf, len);
}

int testdev_read(int dev, uint32_t id, uint64_t off, void *buf, size_t len)
{
	return testdev_io(dev, TESTDEV_DMA_READ, id, off, buf, len);
}
