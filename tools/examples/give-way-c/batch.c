// SPDX-License-Identifier: GPL-2.0
/*
 * Batch n fills slot n % SLOTS with words of its own: its number in the upper
 * half, the word's place in the lower half.  So a word of an older batch, of
 * another place, or of nobody is told from what has to be there.
 *
 * The server does not know that; a checksum is enough for it.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "give-way.h"

#define WORDS	(SLOT_SIZE / sizeof(uint64_t))

void batch_fill(uint64_t *words, uint64_t batch)
{
	for (size_t i = 0; i < WORDS; i++)
		words[i] = batch << 32 | i;
}

/* FNV-1a, a word at a time. */
uint64_t batch_checksum(const uint64_t *words)
{
	uint64_t sum = 0xcbf29ce484222325;

	for (size_t i = 0; i < WORDS; i++)
		sum = (sum ^ words[i]) * 0x100000001b3;
	return sum;
}

static bool slot_read(int fd, size_t slot, uint64_t *words)
{
	ssize_t got = pread(fd, words, SLOT_SIZE, slot * SLOT_SIZE);

	if (got < 0)
		fail_errno("reading the file");
	return got == SLOT_SIZE;
}

bool slot_checksum(int fd, size_t slot, uint64_t *sum)
{
	uint64_t words[WORDS];

	/* Not through the mapping: it ends in SIGBUS where a file has become shorter. */
	if (!slot_read(fd, slot, words))
		return false;
	*sum = batch_checksum(words);
	return true;
}

/*
 * With n the newest batch in the file, slots hold batches n, n - 1, ... and as
 * many as there are slots, each one whole; or nothing, if there were no more.
 */
int check_file(const char *path)
{
	uint64_t words[WORDS], first[SLOTS], newest = 0, due;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail_errno("opening %s", path);
	for (size_t slot = 0; slot < SLOTS; slot++) {
		if (!slot_read(fd, slot, words))
			fail("%s is too short: slot %zu is not whole", path, slot);
		first[slot] = words[0] >> 32;
		for (size_t i = 0; i < WORDS; i++) {
			if (words[i] != (first[slot] ? first[slot] << 32 | i : 0))
				fail("%s: slot %zu begins with batch %" PRIu64 ", its word %zu is %#" PRIx64,
				     path, slot, first[slot], i, words[i]);
		}
		if (first[slot] > newest)
			newest = first[slot];
	}
	close(fd);
	for (size_t slot = 0; slot < SLOTS; slot++) {
		due = newest - (newest + SLOTS - slot) % SLOTS;
		if (due > newest)
			due = 0;
		if (first[slot] != due)
			fail("%s: slot %zu holds batch %" PRIu64 " where %" PRIu64 " is due",
			     path, slot, first[slot], due);
	}
	say("%s is whole, its newest batch is %" PRIu64, path, newest);
	return 0;
}
