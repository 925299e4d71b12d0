// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "slot.h"

#define TURN_SHIFT	44
#define HASH_MASK	((1ULL << TURN_SHIFT) - 1)

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 31) * 0x7fb5d329728ea185ULL;
	x = (x ^ x >> 27) * 0x81dadef4bc2dd44dULL;
	return x ^ x >> 33;
}

uint32_t slot_key(const char *fs, unsigned int epoch, const char *name)
{
	uint64_t key = mix(epoch + 1);

	while (*fs)
		key = mix(key + *fs++);
	while (*name && *name != '.')
		key = mix(key + *name++);
	return key;
}

unsigned int slot_home(const char *name, unsigned int page)
{
	return strchr(name, '.') ? 0 : page;
}

static uint64_t slot_word(uint32_t key, unsigned int home, unsigned int i, uint32_t turn)
{
	uint64_t place = (uint64_t)home << 32 | i << 20 | turn;

	return turn ? (uint64_t)turn << TURN_SHIFT | (mix(mix(key) + place) & HASH_MASK) : 0;
}

void slot_fill(void *buf, uint32_t key, unsigned int home, uint32_t turn)
{
	uint64_t *word = buf;

	for (unsigned int i = 0; i < SLOT_WORDS; i++)
		word[i] = slot_word(key, home, i, turn);
}

uint32_t slot_turn(uint64_t word, uint32_t key, unsigned int home, unsigned int i)
{
	uint32_t turn = word >> TURN_SHIFT;

	return word == slot_word(key, home, i, turn) ? turn : 0;
}

int slot_check_exact(const void *buf, uint32_t key, unsigned int home, uint32_t turn)
{
	const uint64_t *word = buf;

	for (unsigned int i = 0; i < SLOT_WORDS; i++) {
		if (word[i] != slot_word(key, home, i, turn))
			return i;
	}
	return -1;
}

/* A device need not store whole words. */
static bool is_blend(uint64_t word, uint64_t a, uint64_t b)
{
	for (int i = 0; i < 64; i += 8) {
		uint8_t byte = word >> i;

		if (byte != (uint8_t)(a >> i) && byte != (uint8_t)(b >> i))
			return false;
	}
	return true;
}

int slot_check_between(const void *buf, uint32_t key, unsigned int home, uint32_t first,
		       uint32_t second)
{
	const uint64_t *word = buf;
	bool blend = false;

	for (unsigned int i = 0; i < SLOT_WORDS; i++) {
		uint64_t old = slot_word(key, home, i, first);
		uint64_t new = slot_word(key, home, i, second);

		if (word[i] == old || word[i] == new)
			continue;
		if (blend || !is_blend(word[i], old, new))
			return i;
		blend = true;
	}
	return -1;
}

int slot_check_since(const void *buf, uint32_t key, unsigned int home, uint32_t turn)
{
	const uint64_t *word = buf;
	uint32_t first = SLOT_TURN_MAX, seen;

	for (unsigned int i = 0; i < SLOT_WORDS; i++) {
		seen = slot_turn(word[i], key, home, i);
		if (seen && seen < first)
			first = seen;
	}
	if (first < turn || first == SLOT_TURN_MAX)
		first = turn;
	return slot_check_between(buf, key, home, first, first + 1);
}

int slot_check_own(const void *buf, uint32_t key, unsigned int home)
{
	const uint64_t *word = buf;
	bool torn = false;

	for (unsigned int i = 0; i < SLOT_WORDS; i++) {
		if (!word[i] || slot_turn(word[i], key, home, i))
			continue;
		if (torn)
			return i;
		torn = true;
	}
	return -1;
}
