#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fsync of a file that a device has pinned, for reading or for writing.  All rounds agree,
# and one with 1 GiB takes long.
. "$(dirname "$0")/lib.sh"

if [ "$LENGTH" = full ]; then
	sizes="1 16 128 1024"
else
	sizes="1 64"
fi

module_is in
load_testdev
for fs in $FILESYSTEMS; do
	# shellcheck disable=SC2086 # numbers
	measure bench-fsync "$(mount_of "$fs")" "$fs" 3 $sizes
done
