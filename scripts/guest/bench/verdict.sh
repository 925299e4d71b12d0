#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# How long a refusal takes, by the size of the file.  All rounds agree, and the search of
# each unmaps 1 GiB, which has to be faulted in again page by page: five will do.
. "$(dirname "$0")/lib.sh"

if [ "$LENGTH" = full ]; then
	small="1 4 16 64 256 1024"
	huge="2 16 128 1024"
else
	small="1 16 128"
	huge="2 128 1024"
fi

module_is in
load_testdev
load_scan
for fs in $FILESYSTEMS; do
	aligned_fs "$fs"
	# shellcheck disable=SC2086 # numbers
	{
		measure bench-verdict "$(mount_of "$fs")" "$fs" 4k 5 $small
		measure bench-verdict "$(mount_of "$fs")" "$fs" 2m "$(rounds 5 11)" $huge
	}
done
