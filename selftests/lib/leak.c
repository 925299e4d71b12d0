// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "leak.h"
#include "util.h"

#define KMEMLEAK	"/sys/kernel/debug/kmemleak"
#define CHURN		"/sys/module/daxlease_inject/parameters/churn"

/* Younger than that kmemleak does not report. */
#define MIN_AGE_S	6

/* Who allocated it, as a line of its backtrace says. */
static const char * const ours[] = {
	"daxlease", "layout_", "rxe_", "ib_umem", "io_sqe_buffer", "io_pin_pages",
	"io_clone_buffers",
};

static bool is_ours(const char *line)
{
	for (unsigned int i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (strstr(line, ours[i]))
			return true;
	}
	return false;
}

/* A report begins at the margin, all the rest of it is indented. */
static int count_reports(FILE *file)
{
	char *line = NULL, *text = NULL;
	bool mine = false, more;
	size_t room = 0, size;
	FILE *report = NULL;
	int count = 0;

	do {
		more = getline(&line, &room, file) > 0;
		if ((!more || line[0] != ' ') && report) {
			fclose(report);
			if (mine)
				printf("%s", text);
			count += mine;
			free(text);
			report = NULL;
			mine = false;
		}
		if (!more)
			break;
		if (!report)
			report = open_memstream(&text, &size);
		if (!report)
			break;
		fprintf(report, "# %s", line);
		mine |= line[0] == ' ' && !strstr(line, "comm ") && is_ours(line);
	} while (true);
	free(line);
	return count;
}

int leak_scan(void)
{
	FILE *file;
	int ret;

	if (access(KMEMLEAK, R_OK))
		return -ENOENT;
	/* Else the allocator's memory of what was given out last hides it. */
	ret = access(CHURN, W_OK) ? 0 : write_text(CHURN, "1");
	if (ret)
		return ret;
	sleep(MIN_AGE_S);
	/* What was on its way in one scan is found by the next one. */
	for (int i = 0; i < 2; i++) {
		ret = write_text(KMEMLEAK, "scan");
		if (ret)
			return ret;
	}
	file = fopen(KMEMLEAK, "r");
	if (!file)
		return -errno;
	ret = count_reports(file);
	fclose(file);
	return ret;
}
