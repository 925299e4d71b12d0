// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

int flush_trace_start(struct flush_trace *trace, ino_t ino)
{
	char filter[64];
	int ret;

	ret = tracefs_open(&trace->fs);
	if (ret)
		return ret;
	snprintf(filter, sizeof(filter), "ino == %llu", (unsigned long long)ino);
	ret = tracefs_enable(&trace->fs, "fs_dax/dax_writeback_one", filter);
	if (ret)
		flush_trace_stop(trace);
	return ret;
}

int flush_trace_count(struct flush_trace *trace, unsigned long *pages)
{
	static char text[1 << 20];
	char *at = text;
	int count = 0;
	ssize_t ret;

	ret = tracefs_take(&trace->fs, text, sizeof(text));
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
	return count;
}

void flush_trace_stop(struct flush_trace *trace)
{
	tracefs_close(&trace->fs);
}
