#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What a pin, an unpin and a verdict cost, by the number of pins that there are, and
# the module's memory for a pinned page.
. "$(dirname "$0")/lib.sh"

if [ "$LENGTH" = full ]; then
	counts="1 10 100 1000 10000 100000"
	pages=100000
else
	counts="1 100 10000"
	pages=20000
fi

module_is in
load_testdev
for fs in $FILESYSTEMS; do
	# shellcheck disable=SC2086 # numbers
	measure bench-pins "$(mount_of "$fs")" "$fs" "$(rounds 5 11)" $counts
	measure bench-memory "$(mount_of "$fs")" "$fs" "$(rounds 1 3)" "$pages"
done
