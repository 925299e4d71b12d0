/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/daxlease-testdev: a lease-aware device whose "DMA" the tests command.
 * The open file owns its pins, as an uverbs file does: whoever has the fd may
 * command them, and they go when its last copy is closed.
 */
#ifndef _DAXLEASE_TESTDEV_UAPI_H
#define _DAXLEASE_TESTDEV_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define TESTDEV_IOC_MAGIC	0xDB

#define TESTDEV_PIN_WRITE	(1U << 0)	/* the device will write */
#define TESTDEV_PIN_REVOCABLE	(1U << 1)	/* the kernel may take the pages back */

/**
 * struct testdev_pin - pin a range of the caller's memory for long
 * @addr: address, a multiple of the page size.
 * @nr_pages: pages.
 * @flags: TESTDEV_PIN_*.
 * @id: out: names the pin in the other calls.
 *
 * All or nothing.  Fails with what the kernel's pin says.
 *
 * TESTDEV_UNPIN ends a pin.  TESTDEV_UNPIN_TOLD does, and returns 1 where the
 * pages had been taken back before.
 */
struct testdev_pin {
	__aligned_u64 addr;
	__u32 nr_pages;
	__u32 flags;
	__u32 id;
	__u32 reserved;
};

/**
 * struct testdev_io - move bytes between @buf and pinned memory
 * @id: the pin.
 * @reserved: must be 0.
 * @offset: byte offset in the pinned range.
 * @length: bytes.
 * @buf: address of the caller's buffer.
 *
 * TESTDEV_DMA_WRITE to a pin without TESTDEV_PIN_WRITE is EACCES, a range
 * outside of the pin is ERANGE, an unknown id ENOENT.  When the pages have been
 * taken back, both directions are EKEYREVOKED.
 */
struct testdev_io {
	__u32 id;
	__u32 reserved;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 buf;
};

#define TESTDEV_PIN		_IOWR(TESTDEV_IOC_MAGIC, 1, struct testdev_pin)
#define TESTDEV_UNPIN		_IOW(TESTDEV_IOC_MAGIC, 2, __u32)	/* by value: the id */
#define TESTDEV_DMA_WRITE	_IOW(TESTDEV_IOC_MAGIC, 3, struct testdev_io)
#define TESTDEV_DMA_READ	_IOW(TESTDEV_IOC_MAGIC, 4, struct testdev_io)
#define TESTDEV_UNPIN_TOLD	_IOW(TESTDEV_IOC_MAGIC, 5, __u32)	/* as TESTDEV_UNPIN */

#endif
