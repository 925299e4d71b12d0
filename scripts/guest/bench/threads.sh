#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Pins by several threads, in one file and in several; truncates beside them.
. "$(dirname "$0")/lib.sh"

module_is in
load_testdev
for fs in $FILESYSTEMS; do
	measure bench-threads "$(mount_of "$fs")" "$fs" "$(rounds 5 21)" "$(rounds 500 1000)" "$(nproc)"
done
