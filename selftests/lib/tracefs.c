// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracefs.h"

#define INSTANCES	"/sys/kernel/tracing/instances"

int tracefs_write(struct tracefs *trace, const char *file, const char *text)
{
	char path[2 * PATH_LEN];

	snprintf(path, sizeof(path), "%s/%s", trace->dir, file);
	return write_text(path, text);
}

int tracefs_open(struct tracefs *trace)
{
	snprintf(trace->dir, sizeof(trace->dir), INSTANCES "/selftest.%d", getpid());
	return mkdir(trace->dir, 0700) ? -errno : 0;
}

int tracefs_enable(struct tracefs *trace, const char *event, const char *filter)
{
	char file[PATH_LEN];
	int ret;

	snprintf(file, sizeof(file), "events/%s/filter", event);
	ret = tracefs_write(trace, file, filter);
	if (ret)
		return ret;
	snprintf(file, sizeof(file), "events/%s/enable", event);
	return tracefs_write(trace, file, "1");
}

void tracefs_close(struct tracefs *trace)
{
	tracefs_write(trace, "events/enable", "0");
	rmdir(trace->dir);
}

ssize_t tracefs_take(struct tracefs *trace, char *buf, size_t len)
{
	char path[2 * PATH_LEN];
	ssize_t ret;
	int err;

	snprintf(path, sizeof(path), "%s/trace", trace->dir);
	ret = read_text(path, buf, len);
	if (ret < 0)
		return ret;
	err = tracefs_write(trace, "trace", "");
	return err ? err : ret;
}

/* "  comm-pid  [cpu] flags  time: event: name=value ..." */
static bool take_apart(const char *line, int len, const char *system, struct trace_record *record)
{
	char start[64];
	const char *at;
	int skip;

	snprintf(start, sizeof(start), ": %s_", system);
	at = memmem(line, len, start, strlen(start));
	if (!at)
		return false;
	at += strlen(start);
	skip = strcspn(at, ":");
	if (skip >= (int)sizeof(record->event) || at + skip + 2 > line + len)
		return false;
	snprintf(record->event, sizeof(record->event), "%.*s", skip, at);
	at += skip + 2;
	snprintf(record->fields, sizeof(record->fields), "%.*s", (int)(line + len - at), at);
	return true;
}

bool trace_next(const char **text, const char *system, struct trace_record *record)
{
	while (**text) {
		const char *line = *text;
		int len = strcspn(line, "\n");

		*text = line + len + (line[len] == '\n');
		if (*line != '#' && take_apart(line, len, system, record))
			return true;
	}
	return false;
}

static const char *value_of(const struct trace_record *record, const char *field)
{
	const char *at = record->fields;
	size_t len = strlen(field);

	while (at) {
		if (!strncmp(at, field, len) && at[len] == '=')
			return at + len + 1;
		at = strchr(at, ' ');
		if (at)
			at++;
	}
	return NULL;
}

uint64_t trace_number(const struct trace_record *record, const char *field)
{
	const char *value = value_of(record, field);

	return value ? strtoull(value, NULL, 10) : ~0ULL;
}

bool trace_is(const struct trace_record *record, const char *field, const char *word)
{
	const char *value = value_of(record, field);
	size_t len = strlen(word);

	return value && !strncmp(value, word, len) && (!value[len] || value[len] == ' ');
}
