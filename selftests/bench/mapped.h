/* SPDX-License-Identifier: GPL-2.0 */
/* A file with blocks of its own, mapped as a whole, by entries of a known size. */
#ifndef SELFTESTS_BENCH_MAPPED_H
#define SELFTESTS_BENCH_MAPPED_H

#include <stdbool.h>
#include <stddef.h>

#include "util.h"

struct mapped {
	char path[PATH_LEN];
	int fd;
	size_t size;
	char *map;
};

/* In the directory; huge: by entries of 2 MiB as far as the blocks allow. */
void mapped_make(struct mapped *m, const char *dir, size_t size, bool huge);

/* Has each page mapped writable, what is mapped already included. */
void mapped_touch(struct mapped *m);

/* The same mapping once more, with nothing of it faulted in. */
void mapped_again(struct mapped *m);

void mapped_remove(struct mapped *m);

#endif
