/* SPDX-License-Identifier: GPL-2.0 */
#include <linux/layout_lease.h>

#include "../testdev_uapi.h"

/* ioctl numbers are made with sizeof, which bindgen does not evaluate. */
const unsigned int RUST_CONST_HELPER_TESTDEV_PIN = TESTDEV_PIN;
const unsigned int RUST_CONST_HELPER_TESTDEV_UNPIN = TESTDEV_UNPIN;
const unsigned int RUST_CONST_HELPER_TESTDEV_UNPIN_TOLD = TESTDEV_UNPIN_TOLD;
const unsigned int RUST_CONST_HELPER_TESTDEV_DMA_WRITE = TESTDEV_DMA_WRITE;
const unsigned int RUST_CONST_HELPER_TESTDEV_DMA_READ = TESTDEV_DMA_READ;

/* helpers.c */
void testdev_copy_to_page(struct page *page, size_t offset, const void *from,
			  size_t len);
void testdev_copy_from_page(void *to, struct page *page, size_t offset,
			    size_t len);
