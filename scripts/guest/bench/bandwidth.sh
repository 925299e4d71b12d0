#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# ib_write_bw in messages of 64 KiB, in Gb/s.
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/guest/bench/perftest.sh
. "$(dirname "$0")/perftest.sh"

messages=$(rounds 300 1000)

module_is in
for round in $(seq "$(rounds 3 11)"); do
	for fs in $FILESYSTEMS; do
		file=$(perftest_file "$fs")
		for name in dram odp leased; do
			value=$(perftest ib_write_bw "$name" "$file" --report_gbits -s 65536 -n "$messages" |
				awk '$1 == 65536 {print $4}')
			sample bandwidth "$fs" "$name" 65536 "$round" "$value"
		done
	done
done
