/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's own fault injection: the nth fault of this task comes true. */
#ifndef SELFTESTS_FAULT_NTH_H
#define SELFTESTS_FAULT_NTH_H

#include <stdbool.h>

/* Of the calling task; -ENOENT where the kernel has no fault injection. */
int fault_nth_open(void);

int fault_nth_arm(int fd, unsigned int n);

/* Whether there was an nth one. */
bool fault_nth_stop(int fd);

#endif
