#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# How fast a layout change goes on that has waited for a breakable lease.
. "$(dirname "$0")/lib.sh"

module_is in
load_testdev
for fs in $FILESYSTEMS; do
	measure bench-break "$(mount_of "$fs")" "$fs" "$(rounds 50 500)"
done
