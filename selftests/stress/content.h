/* SPDX-License-Identifier: GPL-2.0 */
/* What is, and what must be, in the files. */
#ifndef STRESS_CONTENT_H
#define STRESS_CONTENT_H

#include "stress.h"

void victim_path(int worker, int n, char *path);
void clone_path(int worker, int n, char *path);

/* Reads all of it and says what is wrong; false where something is. */
bool victim_check(int worker, int n);
bool clone_check(int worker, int n);

/* Whether it could be read. */
bool clone_sum(int fd, uint64_t *sum, off_t *size);

/* One page of a leased file: only what was written to it. */
bool leased_check(int file, unsigned int page, const void *content);

/* A page that does not contain what it must. */
void content_fault(enum fault kind, const char *what, int file, unsigned int page,
		   const void *content, struct tag tag);

/* All files, at rest. */
void content_check_all(void);

#endif
