// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "uring.h"

#define ENTRIES	8

int uring_open(struct io_uring *ring)
{
	return io_uring_queue_init(ENTRIES, ring, 0);
}

int uring_reg(struct io_uring *ring, void *addr, size_t len)
{
	const struct iovec iov = { addr, len };

	return io_uring_register_buffers(ring, &iov, 1);
}

int uring_update(struct io_uring *ring, unsigned int index, void *addr, size_t len)
{
	const struct iovec iov = { addr, len };
	int ret;

	ret = io_uring_register_buffers_update_tag(ring, index, &iov, NULL, 1);
	return ret == 1 ? 0 : ret ? ret : -EIO;
}

static int post(struct io_uring *ring, const struct uring_io *io, bool write)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	int ret;

	if (!sqe)
		return -EBUSY;
	if (write)
		io_uring_prep_write_fixed(sqe, io->fd, io->buf, io->len, io->off, io->index);
	else
		io_uring_prep_read_fixed(sqe, io->fd, io->buf, io->len, io->off, io->index);
	ret = io_uring_submit(ring);
	return ret == 1 ? 0 : ret ? ret : -EIO;
}

int uring_post_read(struct io_uring *ring, struct uring_io io)
{
	return post(ring, &io, false);
}

int uring_result(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	int ret;

	do {
		ret = io_uring_wait_cqe(ring, &cqe);
	} while (ret == -EINTR);
	if (ret)
		return ret;
	ret = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

static int transfer(struct io_uring *ring, struct uring_io io, bool write)
{
	int ret;

	for (; io.len; io.off += ret, io.buf += ret, io.len -= ret) {
		ret = post(ring, &io, write);
		if (!ret)
			ret = uring_result(ring);
		if (ret <= 0)
			return ret ? ret : -EIO;
	}
	return 0;
}

int uring_read(struct io_uring *ring, struct uring_io io)
{
	return transfer(ring, io, false);
}

int uring_write(struct io_uring *ring, struct uring_io io)
{
	return transfer(ring, io, true);
}

const char *uring_missing(void)
{
	struct io_uring ring;
	int ret;

	ret = uring_open(&ring);
	if (ret == -ENOSYS || ret == -EPERM)
		return strerror(-ret);
	if (!ret)
		io_uring_queue_exit(&ring);
	return NULL;
}
