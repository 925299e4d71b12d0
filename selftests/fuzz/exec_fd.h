/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FUZZ_EXEC_FD_H
#define FUZZ_EXEC_FD_H

#include "call.h"

/* Calls on the descriptors as such: opening, passing, what the device lacks. */
long run_fd_call(const struct call *call, int fd, int dev);

#endif
