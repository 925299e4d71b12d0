// SPDX-License-Identifier: GPL-2.0
/*
 * Copies between kernel memory and pinned pages.  In C because the owner of
 * the mapping may access the same bytes at the same time, as with any device:
 * the kernel's memory model has a meaning for that, Rust's has none.
 */
#include <linux/highmem.h>

#include "bindings/bindings_helper.h"

void testdev_copy_to_page(struct page *page, size_t offset, const void *from,
			  size_t len)
{
	memcpy_to_page(page, offset, from, len);
}

void testdev_copy_from_page(void *to, struct page *page, size_t offset,
			    size_t len)
{
	memcpy_from_page(to, page, offset, len);
}
