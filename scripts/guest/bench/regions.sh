#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Memory regions: of anonymous memory with the module out and in, and of a DAX file,
# leased or on demand.
. "$(dirname "$0")/lib.sh"

sizes="4096 65536 1048576 16777216"

progress "bench-mr"
module_is out
"$BENCH/bench-mr" "$(rounds 4 10)" "$(rounds 11 51)" \
	"! test -d /sys/module/daxlease || rmmod daxlease" "insmod $MODULES/daxlease/daxlease.ko" |
	jq -c '.sizes[] | .bytes as $x | .turns | to_entries[] | .key as $turn |
		(.value | to_entries[]) |
		{bench: "anonymous", on: "anon", case: .key, $x, round: ($turn + 1), value}' \
		>>"$SAMPLES"

module_is in
for fs in $FILESYSTEMS; do
	aligned_fs "$fs"
	# shellcheck disable=SC2086 # numbers
	measure bench-regions "$(mount_of "$fs")" "$fs" 4k "$(rounds 3 11)" $sizes
	measure bench-regions "$(mount_of "$fs")" "$fs" 2m "$(rounds 3 11)" $((2 << 20)) $((16 << 20))
done
