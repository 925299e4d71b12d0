// SPDX-License-Identifier: GPL-2.0
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stress.h"
#include "tag.h"

#define WORDS		(PAGE_SZ / sizeof(uint64_t))
#define WRITER		0x80

static uint64_t run;

void tag_set_seed(uint64_t seed)
{
	run = (seed ^ seed >> 16 ^ seed >> 32 ^ seed >> 48) & 0xffff;
}

struct tag tag_make(unsigned int class, unsigned int file, unsigned int gen,
		    unsigned int page)
{
	struct tag tag = {
		.place	= (uint64_t)class << 56 | run << 40 | (uint64_t)(file & 0xff) << 32 |
			  (uint64_t)(gen & 0xffff) << 16 | (page & 0xffff),
		.writer	= (uint64_t)(class | WRITER) << 56 |
			  (uint64_t)(getpid() & 0xffffff) << 32 |
			  (uint32_t)atomic_fetch_add(&shm->tag_seq, 1),
	};

	return tag;
}

/* Whole words, so that a kill in between leaves none in part. */
void tag_fill(void *page, struct tag tag)
{
	volatile uint64_t *word = page;

	for (size_t i = 0; i < WORDS; i += 2) {
		word[i] = tag.place;
		word[i + 1] = tag.writer;
	}
}

bool tag_same(const void *page, struct tag tag)
{
	const uint64_t *word = page;

	for (size_t i = 0; i < WORDS; i += 2) {
		if (word[i] != tag.place || word[i + 1] != tag.writer)
			return false;
	}
	return true;
}

static bool place_legal(uint64_t word, const struct tag_rule *rule)
{
	unsigned int class = word >> 56, file = word >> 32 & 0xff;

	if ((word >> 40 & 0xffff) != run)
		return false;
	if (rule->victim ? class != TAG_VICTIM : class != TAG_CPU && class != TAG_DEVICE)
		return false;
	if (rule->movable)
		return file & 1;
	return file == (rule->file & 0xff) && (word >> 16 & 0xffff) == (rule->gen & 0xffff) &&
	       (word & 0xffff) == (rule->page & 0xffff);
}

static bool writer_legal(uint64_t word, const struct tag_rule *rule)
{
	unsigned int class = word >> 56;

	if (rule->victim)
		return class == (TAG_VICTIM | WRITER);
	return class == (TAG_CPU | WRITER) || class == (TAG_DEVICE | WRITER);
}

int tag_check(const void *page, const struct tag_rule *rule)
{
	const uint64_t *word = page;

	for (size_t i = 0; i < WORDS; i++) {
		/* What nobody wrote is zero.  A victim was written in full. */
		if (!word[i] && !rule->victim)
			continue;
		if (!(i % 2 ? writer_legal(word[i], rule) : place_legal(word[i], rule)))
			return i;
	}
	return -1;
}

static const char *class_name(unsigned int class)
{
	switch (class & ~WRITER) {
	case TAG_DEVICE:
		return "a device's canary";
	case TAG_CPU:
		return "data of a leased file";
	case TAG_VICTIM:
		return "data of a victim";
	default:
		return "not a word of this test";
	}
}

void tag_describe(uint64_t word, char *buf, size_t len)
{
	const char *name = class_name(word >> 56);

	if (!word)
		snprintf(buf, len, "zero");
	else if (word >> 56 & WRITER)
		snprintf(buf, len, "%s, written by %u as number %u", name,
			 (unsigned int)(word >> 32 & 0xffffff), (unsigned int)word);
	else
		snprintf(buf, len, "%s, of file %u generation %u page %u%s", name,
			 (unsigned int)(word >> 32 & 0xff), (unsigned int)(word >> 16 & 0xffff),
			 (unsigned int)(word & 0xffff),
			 (word >> 40 & 0xffff) == run ? "" : ", of another run");
}
