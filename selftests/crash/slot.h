/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the pages of a file are filled with, so that each word tells after a
 * crash whose it is: of which file, which page, which place in it, and which
 * turn of writing that page.
 */
#ifndef SELFTESTS_CRASH_SLOT_H
#define SELFTESTS_CRASH_SLOT_H

#include <stdint.h>

#include "util.h"

#define SLOT_WORDS	(PAGE_SZ / sizeof(uint64_t))
/* Turns are counted from 1; 0 is a page of zeroes. */
#define SLOT_TURN_MAX	((1U << 20) - 1)

/*
 * The key of a file.  What follows a dot in its name does not count: files that
 * exchange or share blocks have names that differ only there, and all their
 * pages are filled as page 0, because these move.
 */
uint32_t slot_key(const char *fs, unsigned int epoch, const char *name);
unsigned int slot_home(const char *name, unsigned int page);

void slot_fill(void *buf, uint32_t key, unsigned int home, uint32_t turn);

/* The turn that a word is of, or 0 where it is no such word. */
uint32_t slot_turn(uint64_t word, uint32_t key, unsigned int home, unsigned int i);

/*
 * All of these return -1, or the number of a word that is wrong.
 *
 * exact:   the page is of that turn.
 * between: it is of the one turn or the other, or of both; the word then being
 *	    stored may be of both, too.
 * since:   it is of that turn or a later one, or between two subsequent ones.
 * own:	    it has nothing that is neither zero nor the file's, but for one word
 *	    that was being stored.
 */
int slot_check_exact(const void *buf, uint32_t key, unsigned int home, uint32_t turn);
int slot_check_between(const void *buf, uint32_t key, unsigned int home, uint32_t first,
		       uint32_t second);
int slot_check_since(const void *buf, uint32_t key, unsigned int home, uint32_t turn);
int slot_check_own(const void *buf, uint32_t key, unsigned int home);

#endif
