#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# ib_write_lat in messages of 4 KiB, in microseconds: the median, and the 99th
# percentile.
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/guest/bench/perftest.sh
. "$(dirname "$0")/perftest.sh"

messages=$(rounds 1000 5000)

module_is in
for round in $(seq "$(rounds 3 11)"); do
	for fs in $FILESYSTEMS; do
		file=$(perftest_file "$fs")
		for name in dram odp leased; do
			read -r typical p99 < <(perftest ib_write_lat "$name" "$file" -s 4096 -n "$messages" |
				awk '$1 == 4096 {print $5, $8}')
			sample latency-p50 "$fs" "$name" 4096 "$round" "$typical"
			sample latency-p99 "$fs" "$name" 4096 "$round" "$p99"
		done
	done
done
