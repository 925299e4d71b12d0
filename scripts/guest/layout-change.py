#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Try layout changes on a file and say what the kernel answers.

layout-change.py FILE CHANGE...  prints one line per change, and exits with 0
where every one succeeded, with 16 where every one was refused with ETXTBSY,
else with 1.
"""

import ctypes
import errno
import fcntl
import os
import sys

BLOCK = 4096

FALLOC_FL_KEEP_SIZE = 0x01
FALLOC_FL_PUNCH_HOLE = 0x02
FALLOC_FL_COLLAPSE_RANGE = 0x08
FALLOC_FL_ZERO_RANGE = 0x10
FALLOC_FL_INSERT_RANGE = 0x20

FICLONE = 0x40049409

libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]


def fallocate(path, mode):
    fd = os.open(path, os.O_RDWR)
    try:
        if libc.fallocate(fd, mode, 0, BLOCK) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    finally:
        os.close(fd)


def reflink(path):
    source = os.open(path, os.O_RDONLY)
    clone = os.open(path + ".clone", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        fcntl.ioctl(clone, FICLONE, source)
    finally:
        os.close(clone)
        os.close(source)
        os.unlink(path + ".clone")


CHANGES = {
    "punch-hole": lambda path: fallocate(path, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE),
    "zero-range": lambda path: fallocate(path, FALLOC_FL_ZERO_RANGE),
    "collapse-range": lambda path: fallocate(path, FALLOC_FL_COLLAPSE_RANGE),
    "insert-range": lambda path: fallocate(path, FALLOC_FL_INSERT_RANGE),
    "reflink": reflink,
    "truncate": lambda path: os.truncate(path, BLOCK),
}


def main():
    path, changes = sys.argv[1], sys.argv[2:]
    answers = []
    for change in changes:
        try:
            CHANGES[change](path)
            answers.append(0)
            answer = "succeeds"
        except OSError as error:
            answers.append(error.errno)
            answer = f"{errno.errorcode[error.errno]} ({error.strerror})"
        print(f"    {change:<15} {answer}")
    if all(code == 0 for code in answers):
        return 0
    if all(code == errno.ETXTBSY for code in answers):
        return 16
    return 1


sys.exit(main())
