// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content.h"
#include "model.h"

void victim_path(int worker, int n, char *path)
{
	snprintf(path, PATH_LEN, "%.*s/victim.%d.%d", PATH_LEN - 40, shm->dir, worker, n);
}

void clone_path(int worker, int n, char *path)
{
	snprintf(path, PATH_LEN, "%.*s/clone.%d.%d", PATH_LEN - 40, shm->dir, worker, n);
}

/* The first word that is not of the tag. */
static uint64_t other_word(const void *content, struct tag tag)
{
	const uint64_t *word = content;
	size_t i;

	for (i = 0; i < PAGE_SZ / sizeof(*word); i++) {
		if (word[i] != (i % 2 ? tag.writer : tag.place))
			return word[i];
	}
	return 0;
}

void content_fault(enum fault kind, const char *what, int file, unsigned int page,
		   const void *content, struct tag tag)
{
	char is[128], want[128];

	tag_describe(other_word(content, tag), is, sizeof(is));
	tag_describe(tag.place, want, sizeof(want));
	fault(kind, "%s file %d page %u: there is %s, not %s", what, file, page, is,
	      want);
}

bool victim_check(int worker, int n)
{
	struct s_victim *victim = &shm->worker[worker].victim[n];
	char path[PATH_LEN], page[PAGE_SZ];
	bool good = true;
	unsigned int p;
	int fd;

	victim_path(worker, n, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fault(FAULT_CORRUPTION, "%s: %s", path, strerror(errno));
		return false;
	}
	for (p = 0; p < victim->pages && good; p++) {
		if (pread(fd, page, PAGE_SZ, p * PAGE_SZ) != (ssize_t)PAGE_SZ) {
			fault(FAULT_CORRUPTION, "%s page %u cannot be read", path, p);
			good = false;
		} else if (!tag_same(page, victim->tag[p])) {
			content_fault(FAULT_CORRUPTION, "victim", worker * VICTIMS + n, p, page,
				      victim->tag[p]);
			good = false;
		}
	}
	close(fd);
	did(DID_VICTIM_CHECK);
	return good;
}

bool clone_sum(int fd, uint64_t *sum, off_t *size)
{
	uint64_t word[PAGE_SZ / sizeof(uint64_t)];
	ssize_t n;

	*sum = 0xcbf29ce484222325ULL;
	*size = 0;
	while ((n = pread(fd, word, PAGE_SZ, *size)) > 0) {
		for (size_t i = 0; i < n / sizeof(uint64_t); i++)
			*sum = (*sum ^ word[i]) * 0x100000001b3ULL;
		*size += n;
	}
	return !n;
}

bool clone_check(int worker, int n)
{
	const struct s_clone *clone = &shm->worker[worker].clone[n];
	char path[PATH_LEN];
	bool good = false;
	uint64_t sum;
	off_t size;
	int fd;

	clone_path(worker, n, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fault(FAULT_CORRUPTION, "%s: %s", path, strerror(errno));
	else if (!clone_sum(fd, &sum, &size))
		fault(FAULT_CORRUPTION, "%s cannot be read: %s", path, strerror(errno));
	else if (sum != clone->sum || size != clone->size)
		fault(FAULT_CORRUPTION, "clone %s has changed", path);
	else
		good = true;
	if (fd >= 0)
		close(fd);
	return good;
}

bool leased_check(int file, unsigned int page, const void *content)
{
	const struct tag_rule rule = {
		.file		= file,
		.gen		= shm->file[file].gen,
		.page		= page,
		.movable	= file_movable(file),
	};
	int i = tag_check(content, &rule);
	char is[128];

	if (i < 0)
		return true;
	tag_describe(((const uint64_t *)content)[i], is, sizeof(is));
	fault(FAULT_CORRUPTION, "leased file %d generation %u page %u word %d: there is %s", file,
	      rule.gen, page, i, is);
	return false;
}

/* By its name, or by the descriptor of somebody who has it open. */
static int open_leased(int file)
{
	char path[PATH_LEN];

	if (shm->file[file].state == FILE_NAMED) {
		file_path(file, path);
		return open(path, O_RDONLY | O_CLOEXEC);
	}
	for (int i = 0; i < WORKERS_MAX; i++) {
		const struct s_worker *w = &shm->worker[i];

		if (w->pid && w->file_fd[file] >= 0) {
			snprintf(path, PATH_LEN, "/proc/%d/fd/%d", w->pid, w->file_fd[file]);
			return open(path, O_RDONLY | O_CLOEXEC);
		}
	}
	return -1;
}

static void leased_check_file(int file)
{
	char page[PAGE_SZ];
	unsigned int p;
	struct tag tag;
	ssize_t n;
	int fd;

	fd = open_leased(file);
	if (fd < 0) {
		if (shm->file[file].state == FILE_NAMED)
			fault(FAULT_CORRUPTION, "leased file %d: %s", file, strerror(errno));
		return;
	}
	for (p = 0; p < FILE_PAGES; p++) {
		n = pread(fd, page, PAGE_SZ, p * PAGE_SZ);
		if (n < 0)
			fault(FAULT_CORRUPTION, "leased file %d page %u: %s", file, p,
			      strerror(errno));
		memset(page + (n > 0 ? n : 0), 0, PAGE_SZ - (n > 0 ? n : 0));
		if (page_content(file, p, &tag)) {
			if (!tag_same(page, tag))
				content_fault(FAULT_LOST, "pinned", file, p, page, tag);
		} else if (!leased_check(file, p, page)) {
			break;
		}
	}
	close(fd);
}

void content_check_all(void)
{
	int i, n;

	for (i = 0; i < FILES_MAX; i++) {
		if (shm->file[i].state == FILE_NAMED || shm->file[i].state == FILE_UNLINKED)
			leased_check_file(i);
	}
	for (i = 0; i < WORKERS_MAX; i++) {
		for (n = 0; n < VICTIMS; n++) {
			if (shm->worker[i].victim[n].state == VICTIM_FULL)
				victim_check(i, n);
		}
		for (n = 0; n < CLONES; n++) {
			if (shm->worker[i].clone[n].state == VICTIM_FULL)
				clone_check(i, n);
		}
	}
}
