// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "poison.h"

static volatile sig_atomic_t told;
static void *volatile told_addr;

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	told = info->si_code;
	told_addr = info->si_addr;
}

int poison_mapped(void *page)
{
	/* Not a hole, and mapped when the kernel looks for it. */
	*(volatile char *)page = *(volatile char *)page;
	return madvise(page, PAGE_SZ, MADV_HWPOISON) ? -errno : 0;
}

static long poison_fd(int fd, off_t off)
{
	struct sigaction action = {
		.sa_sigaction = on_sigbus,
		.sa_flags = SA_SIGINFO,
	};
	struct sigaction old;
	char *page;
	long ret;

	page = mmap(NULL, PAGE_SZ, PROT_READ | PROT_WRITE, MAP_SHARED, fd, off);
	if (page == MAP_FAILED)
		return -errno;
	told = 0;
	if (sigaction(SIGBUS, &action, &old)) {
		ret = -errno;
		goto unmap;
	}
	ret = poison_mapped(page);
	sigaction(SIGBUS, &old, NULL);
	if (!ret && (told != BUS_MCEERR_AR || told_addr != page))
		ret = -EPROTO;
unmap:
	munmap(page, PAGE_SZ);
	return ret;
}

long poison_page(void *arg)
{
	struct poison *poison = arg;
	int fd = open(poison->path, O_RDWR);
	long ret;

	if (fd < 0)
		return -errno;
	ret = poison_fd(fd, poison->off);
	close(fd);
	return ret;
}

struct poison poison_of(const char *path, off_t off)
{
	struct poison poison = { .off = off };

	snprintf(poison.path, sizeof(poison.path), "%s", path);
	return poison;
}
