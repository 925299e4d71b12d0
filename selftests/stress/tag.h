/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every page that the stress test writes is full of: words that tell who
 * wrote them, and for which page of which file.  A word makes sense alone, so
 * a page that was written in part, or twice, can be judged word by word.
 *
 * Even words name the place, odd words the writer:
 *
 *	class:8 seed:16 file:8 generation:16 page:16
 *	class|80:8 pid:24 sequence:32
 */
#ifndef STRESS_TAG_H
#define STRESS_TAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A device, through a pin. */
#define TAG_DEVICE	0x44
/* A system call or a store to a mapping. */
#define TAG_CPU		0x43
/* A victim: a file that no device ever was told to write to. */
#define TAG_VICTIM	0x56

struct tag {
	uint64_t place;
	uint64_t writer;
};

struct tag tag_make(unsigned int class, unsigned int file, unsigned int gen,
		    unsigned int page);
void tag_fill(void *page, struct tag tag);
bool tag_same(const void *page, struct tag tag);

/* Words of one kind of file; what is in it, and must not be there. */
struct tag_rule {
	/* The page in question: any for a file whose pages may move. */
	unsigned int file;
	unsigned int gen;
	unsigned int page;
	bool victim;
	/* Pages of all files of an odd number may be there. */
	bool movable;
};

/* The number of the first word that must not be there, or -1. */
int tag_check(const void *page, const struct tag_rule *rule);

/* A word for people. */
void tag_describe(uint64_t word, char *buf, size_t len);

/* Words of earlier runs are foreign. */
void tag_set_seed(uint64_t seed);

#endif
