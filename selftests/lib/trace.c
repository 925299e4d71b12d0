// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace.h"

#define INSTANCES	"/sys/kernel/tracing/instances"
#define EVENT		"events/fs_dax/dax_writeback_one"

static int trace_write(struct flush_trace *trace, const char *file, const char *text)
{
	char path[2 * PATH_LEN];

	snprintf(path, sizeof(path), "%s/%s", trace->dir, file);
	return write_text(path, text);
}

int flush_trace_start(struct flush_trace *trace, ino_t ino)
{
	char filter[64];
	int ret;

	snprintf(trace->dir, sizeof(trace->dir), INSTANCES "/selftest.%d", getpid());
	if (mkdir(trace->dir, 0700))
		return -errno;
	snprintf(filter, sizeof(filter), "ino == %llu", (unsigned long long)ino);
	ret = trace_write(trace, EVENT "/filter", filter);
	if (!ret)
		ret = trace_write(trace, EVENT "/enable", "1");
	if (ret)
		flush_trace_stop(trace);
	return ret;
}

int flush_trace_count(struct flush_trace *trace, unsigned long *pages)
{
	static char text[1 << 20];
	char path[2 * PATH_LEN], *at = text;
	int count = 0;
	ssize_t ret;

	snprintf(path, sizeof(path), "%s/trace", trace->dir);
	ret = read_text(path, text, sizeof(text));
	if (ret < 0)
		return ret;
	*pages = 0;
	while ((at = strstr(at, "dax_writeback_one:"))) {
		count++;
		at = strstr(at, "pglen ");
		if (!at)
			return -EPROTO;
		*pages += strtoul(at + strlen("pglen "), &at, 0);
	}
	ret = trace_write(trace, "trace", "");
	return ret ? ret : count;
}

void flush_trace_stop(struct flush_trace *trace)
{
	trace_write(trace, EVENT "/enable", "0");
	rmdir(trace->dir);
}
