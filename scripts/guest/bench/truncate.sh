#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# 100 truncates of the last page of a file that is mapped in its first one.  Runs in a
# guest whose kernel has the series, and in one whose kernel has not.
. "$(dirname "$0")/lib.sh"

truncates() {
	measure bench-truncate truncate "$(mount_of "$fs")" "$fs" "$1" "$round" ${2:+"$2"}
}

for round in $(seq "$(rounds 3 11)"); do
	for fs in $FILESYSTEMS; do
		if [ "$FLAVOUR" != stock ]; then
			remount "$fs" dax=never
			truncates nodax
		fi
		remount "$fs" dax=always

		if [ "$FLAVOUR" = stock ]; then
			truncates stock
			continue
		fi
		module_is out
		truncates out
		module_is in
		truncates in
		truncates leased leased
	done
done
