/* SPDX-License-Identifier: GPL-2.0 */
/* Memory failures, as the kernel can be told to act them out. */
#ifndef SELFTESTS_POISON_H
#define SELFTESTS_POISON_H

#include <sys/types.h>

#include "util.h"

struct poison {
	char path[PATH_LEN];
	off_t off;
};

/*
 * Maps the page of a file at an offset and has it fail, for peer_call().  0 where
 * the process was told by the SIGBUS that it is owed, -EPROTO where it was not, or
 * -errno.
 */
long poison_page(void *poison);

/* Fails a page that the process has mapped; SIGBUS takes its course. */
int poison_mapped(void *page);

struct poison poison_of(const char *path, off_t off);

#endif
