// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault_nth.h"
#include "util.h"

#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define DEBUGFS		"/sys/kernel/debug/"

/* Without a backtrace for each; also allocations that may sleep, of any size. */
static const char * const attributes[][2] = {
	{ DEBUGFS "failslab/verbose", "0" },
	{ DEBUGFS "failslab/ignore-gfp-wait", "N" },
	{ DEBUGFS "fail_page_alloc/verbose", "0" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N" },
	{ DEBUGFS "fail_page_alloc/min-order", "0" },
	{ DEBUGFS "fail_usercopy/verbose", "0" },
};

int fault_nth_open(void)
{
	unsigned int i;
	int fd, ret;

	fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		ret = write_text(attributes[i][0], attributes[i][1]);
		if (ret) {
			close(fd);
			return ret;
		}
	}
	return fd;
}

int fault_nth_arm(int fd, unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	return pwrite(fd, text, len, 0) == len ? 0 : -errno;
}

bool fault_nth_stop(int fd)
{
	char text[16] = "";
	ssize_t n;
	int err;

	/* A read is a fault by itself: the one asked for, if one was left. */
	n = pread(fd, text, sizeof(text) - 1, 0);
	err = errno;
	/* Likewise. */
	while (fault_nth_arm(fd, 0) == -EFAULT)
		;
	if (n < 0)
		return err != EFAULT;
	return atoi(text) == 0;
}
