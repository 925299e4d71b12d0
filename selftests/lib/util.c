// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

#define VMSTAT		"/proc/vmstat"

#define POLL_US		2000
#define POLL_MAX	(30 * 1000 * 1000 / POLL_US)

bool wait_until(bool (*holds)(void *arg), void *arg)
{
	for (int i = 0; i < POLL_MAX; i++) {
		if (holds(arg))
			return true;
		usleep(POLL_US);
	}
	return false;
}

ssize_t read_text(const char *path, char *buf, size_t len)
{
	size_t used = 0;
	ssize_t n = 0;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (used < len - 1) {
		n = read(fd, buf + used, len - 1 - used);
		if (n <= 0)
			break;
		used += n;
	}
	if (n < 0)
		n = -errno;
	close(fd);
	buf[used] = 0;
	return n < 0 ? n : (ssize_t)used;
}

int write_text(const char *path, const char *text)
{
	size_t len = strlen(text);
	int fd, ret = 0;

	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		ret = -errno;
	close(fd);
	return ret;
}

static long long value_in(const char *text, const char *name)
{
	const char *at;
	char key[64];

	snprintf(key, sizeof(key), "\n%s ", name);
	at = strstr(text, key);
	return at ? atoll(at + strlen(key)) : -1;
}

static const char *read_vmstat(void)
{
	static char text[32768];

	/* Reading it folds the per-CPU counters. */
	read_text("/proc/sys/vm/stat_refresh", text, sizeof(text));
	if (read_text(VMSTAT, text + 1, sizeof(text) - 1) < 0)
		return "";
	text[0] = '\n';
	return text;
}

long long vmstat(const char *name)
{
	return value_in(read_vmstat(), name);
}

long long foll_pins_now(void)
{
	const char *text = read_vmstat();

	return value_in(text, "nr_foll_pin_acquired") -
	       value_in(text, "nr_foll_pin_released");
}

/*
 * The kernel itself pins pages for a moment, the guest's own root file system
 * not least: take what stays the same for a few looks.
 */
long long foll_pins(void)
{
	long long pins = 0, last = 0;
	int same = 0, i;

	for (i = 0; i < 1000 && same < 4; i++) {
		pins = foll_pins_now();
		same = i && pins == last ? same + 1 : 0;
		last = pins;
	}
	return pins;
}

static bool pins_down_to(void *arg)
{
	return foll_pins() <= *(long long *)arg;
}

bool wait_foll_pins(long long count)
{
	return wait_until(pins_down_to, &count);
}

static bool pins_are(void *arg)
{
	return foll_pins_now() == *(long long *)arg;
}

bool foll_pins_become(long long count)
{
	return wait_until(pins_are, &count);
}

struct blocked {
	pid_t pid;
	long nr;
	int seen;
};

static bool is_blocked(void *arg)
{
	struct blocked *b = arg;
	char path[64], text[512], *at;
	bool sleeps;

	snprintf(path, sizeof(path), "/proc/%d/stat", b->pid);
	if (read_text(path, text, sizeof(text)) < 0)
		return false;
	at = strrchr(text, ')');
	sleeps = at && (at[2] == 'S' || at[2] == 'D');

	snprintf(path, sizeof(path), "/proc/%d/syscall", b->pid);
	if (sleeps && read_text(path, text, sizeof(text)) > 0 &&
	    text[0] != 'r' && atol(text) == b->nr)
		b->seen++;
	else
		b->seen = 0;
	/* Not the short sleep of a contended lock. */
	return b->seen >= 20;
}

bool wait_blocked_in(pid_t pid, long syscall_nr)
{
	struct blocked b = { .pid = pid, .nr = syscall_nr };

	return wait_until(is_blocked, &b);
}

int fd_path(int fd, char *path, size_t len)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, len - 1);
	if (n < 0)
		return -errno;
	path[n] = 0;
	return 0;
}
