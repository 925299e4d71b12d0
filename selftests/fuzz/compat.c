// SPDX-License-Identifier: GPL-2.0
/* 32-bit system calls of a 64-bit process: addresses are to be below 4 GiB. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "world.h"

#define NR_read_32	3
#define NR_getpid_32	20
#define NR_ioctl_32	54
#define NR_poll_32	168

static long call32(long nr, long a, long b, long c)
{
	long ret;

	asm volatile("int $0x80"
		     : "=a" (ret)
		     : "a" (nr), "b" (a), "c" (b), "d" (c)
		     : "memory", "cc", "r8", "r9", "r10", "r11");
	return (int)ret;
}

static long result(long ret)
{
	if (ret < 0 && ret > -4096) {
		errno = -ret;
		return -1;
	}
	return ret;
}

long compat_ioctl(int fd, unsigned int cmd, uint32_t arg)
{
	return result(call32(NR_ioctl_32, fd, cmd, arg));
}

long compat_read(int fd, uint32_t buf, uint32_t len)
{
	return result(call32(NR_read_32, fd, buf, len));
}

long compat_poll(uint32_t fds, uint32_t nr, int timeout)
{
	return result(call32(NR_poll_32, fds, nr, timeout));
}

static sigjmp_buf no_compat;

static void fault(int sig)
{
	siglongjmp(no_compat, sig);
}

bool compat_works(void)
{
	struct sigaction action = { .sa_handler = fault }, old[2];
	volatile bool works = false;

	sigaction(SIGSEGV, &action, &old[0]);
	sigaction(SIGILL, &action, &old[1]);
	if (!sigsetjmp(no_compat, 1))
		works = call32(NR_getpid_32, 0, 0, 0) == getpid();
	sigaction(SIGSEGV, &old[0], NULL);
	sigaction(SIGILL, &old[1], NULL);
	return works;
}
