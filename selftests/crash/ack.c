// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ack.h"

#define LINE_LEN	1024

static const char * const deeds[DEEDS] = { "gave", "revoked", "inherited" };

int ack_open(const char *dir, const char *fs, unsigned int epoch, const char *writer)
{
	char path[PATH_LEN];
	int log;

	snprintf(path, sizeof(path), "%s/%u.%s.%s", dir, epoch, fs, writer);
	log = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
	return log < 0 ? -errno : log;
}

/* In one write: a line without its end does not count. */
static int put_line(int log, const char *line, int len)
{
	errno = EIO;
	return write(log, line, len) == len ? 0 : -errno;
}

int ack_slots(int log, const char *name, unsigned int page, unsigned int count, uint32_t turn,
	      bool hot)
{
	char line[LINE_LEN];
	int len;

	len = snprintf(line, sizeof(line), "slots %s %u %u %u %s\n", name, page, count, turn,
		       hot ? "hot" : "cold");
	return put_line(log, line, len);
}

int ack_file(int log, const char *name, unsigned int pages, const uint32_t *turn)
{
	char line[LINE_LEN];
	int len;

	len = snprintf(line, sizeof(line), "file %s %u", name, pages);
	for (unsigned int i = 0; i < pages; i++)
		len += snprintf(line + len, sizeof(line) - len, " %u", turn[i]);
	len += snprintf(line + len, sizeof(line) - len, "\n");
	return put_line(log, line, len);
}

int ack_going(int log, const char *name)
{
	char line[LINE_LEN];

	return put_line(log, line, snprintf(line, sizeof(line), "going %s\n", name));
}

int ack_gone(int log, const char *name)
{
	char line[LINE_LEN];

	return put_line(log, line, snprintf(line, sizeof(line), "gone %s\n", name));
}

int ack_open_from(int log, const char *name, unsigned int page)
{
	char line[LINE_LEN];

	return put_line(log, line, snprintf(line, sizeof(line), "open %s %u\n", name, page));
}

int ack_did(int log, enum ack_deed deed, unsigned int count)
{
	char line[LINE_LEN];

	return put_line(log, line,
			snprintf(line, sizeof(line), "did %s %u\n", deeds[deed], count));
}

struct acked *ack_find(struct ack_list *list, const char *name)
{
	for (unsigned int i = 0; i < list->nr; i++) {
		if (!strcmp(list->file[i].name, name))
			return &list->file[i];
	}
	return NULL;
}

static struct acked *find_or_add(struct ack_list *list, const char *name)
{
	struct acked *file = ack_find(list, name);

	if (file)
		return file;
	file = realloc(list->file, (list->nr + 1) * sizeof(*file));
	if (!file)
		return NULL;
	list->file = file;
	file += list->nr++;
	memset(file, 0, sizeof(*file));
	snprintf(file->name, sizeof(file->name), "%s", name);
	return file;
}

static int set_page(struct acked *file, unsigned int page, uint32_t turn, bool hot)
{
	if (page >= ACK_PAGES)
		return -EPROTO;
	if (page >= file->pages)
		file->pages = page + 1;
	file->page[page].known = true;
	file->page[page].hot = hot;
	file->page[page].turn = turn;
	return 0;
}

static int parse_slots(struct acked *file, const char *rest)
{
	unsigned int page, count, turn;
	char kind[8];
	int ret = 0;

	if (sscanf(rest, "%u %u %u %7s", &page, &count, &turn, kind) != 4)
		return -EPROTO;
	while (count-- && !ret)
		ret = set_page(file, page++, turn, !strcmp(kind, "hot"));
	return ret;
}

static int parse_file(struct acked *file, const char *rest)
{
	unsigned int pages, turn, page;
	int used, ret = 0;

	if (sscanf(rest, "%u%n", &pages, &used) != 1)
		return -EPROTO;
	file->whole = true;
	for (page = 0; page < pages && !ret; page++) {
		rest += used;
		if (sscanf(rest, "%u%n", &turn, &used) != 1)
			return -EPROTO;
		ret = set_page(file, page, turn, false);
	}
	return ret;
}

static bool parse_number(const char *text, unsigned int *number)
{
	char *end;

	*number = strtoul(text, &end, 10);
	return end != text;
}

static int parse_open(struct acked *file, const char *rest)
{
	unsigned int from;

	if (!parse_number(rest, &from))
		return -EPROTO;
	file->whole = false;
	if (file->pages > from)
		file->pages = from;
	for (; from < ACK_PAGES; from++)
		file->page[from].known = false;
	return 0;
}

static int parse_deed(struct ack_list *list, const char *name, const char *rest)
{
	unsigned int count, i;

	if (!parse_number(rest, &count))
		return -EPROTO;
	for (i = 0; i < DEEDS && strcmp(name, deeds[i]); i++)
		;
	if (i == DEEDS)
		return -EPROTO;
	list->did[i] += count;
	return 0;
}

static int parse_line(struct ack_list *list, const char *line)
{
	char verb[8], name[ACK_NAME];
	struct acked *file;
	int used;

	if (sscanf(line, "%7s %15s%n", verb, name, &used) != 2)
		return -EPROTO;
	if (!strcmp(verb, "did"))
		return parse_deed(list, name, line + used);
	file = find_or_add(list, name);
	if (!file)
		return -ENOMEM;
	if (!strcmp(verb, "open"))
		return parse_open(file, line + used);
	if (!strcmp(verb, "slots"))
		return parse_slots(file, line + used);
	if (!strcmp(verb, "file"))
		return parse_file(file, line + used);
	if (!strcmp(verb, "going")) {
		file->going = true;
		return parse_open(file, " 0");
	}
	if (strcmp(verb, "gone"))
		return -EPROTO;
	file->gone = true;
	return 0;
}

static int read_log(const char *path, struct ack_list *list)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int ret = 0;
	FILE *log;

	log = fopen(path, "r");
	if (!log)
		return -errno;
	while (!ret && (len = getline(&line, &size, log)) > 0) {
		if (line[len - 1] == '\n')
			ret = parse_line(list, line);
	}
	free(line);
	fclose(log);
	return ret;
}

int ack_read(const char *dir, const char *fs, unsigned int epoch, struct ack_list *list)
{
	char prefix[64], path[2 * PATH_LEN];
	struct dirent *entry;
	int ret = 0, logs = 0;
	DIR *d;

	memset(list, 0, sizeof(*list));
	snprintf(prefix, sizeof(prefix), "%u.%s.", epoch, fs);
	d = opendir(dir);
	if (!d)
		return -errno;
	while (ret >= 0 && (entry = readdir(d))) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		ret = read_log(path, list);
		logs++;
	}
	closedir(d);
	return ret < 0 ? ret : logs;
}
