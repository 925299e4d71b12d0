/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/daxlease-scan: what the search for a busy page costs with which a layout
 * change begins on stock Linux.
 */
#ifndef _DAXLEASE_SCAN_UAPI_H
#define _DAXLEASE_SCAN_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct scan_file - search a file as stock ext4 and xfs do: all of it
 * @fd: the file, in DAX mode.
 * @busy: out: 1 where a busy page was found, else 0.
 * @ns: out: how long that took.
 *
 * Unmaps the file from all processes, as a layout change does.
 */
struct scan_file {
	__s32 fd;
	__u32 busy;
	__aligned_u64 ns;
};

#define SCAN_FILE	_IOWR(0xDC, 1, struct scan_file)

#endif
