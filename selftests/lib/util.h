/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SELFTESTS_UTIL_H
#define SELFTESTS_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Pages and filesystem blocks, as the guest has them. */
#define PAGE_SZ		4096UL
#define HUGE_SZ		(2UL << 20)
#define PATH_LEN	160

/* Polls until the condition holds; false where it does not in half a minute. */
bool wait_until(bool (*holds)(void *arg), void *arg);

/* One value of /proc/vmstat, per-CPU parts included. */
long long vmstat(const char *name);

/* Long-term and other FOLL_PIN references alive in the system. */
long long foll_pins(void);

/* Likewise, in one look, with what the kernel itself has pinned for a moment. */
long long foll_pins_now(void);

/* Polls until there are exactly so many, whatever the kernel pins for a moment. */
bool foll_pins_become(long long count);

/* Waits until there are no more of them than that. */
bool wait_foll_pins(long long count);

/* Polls until a task sleeps in the kernel, inside of that system call. */
bool wait_blocked_in(pid_t pid, long syscall_nr);

/* What the kernel calls the file of a descriptor; 0 or -errno. */
int fd_path(int fd, char *path, size_t len);

/* A file of /proc or /sys as a string; the length or -errno. */
ssize_t read_text(const char *path, char *buf, size_t len);
int write_text(const char *path, const char *text);

#endif
