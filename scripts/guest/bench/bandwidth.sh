#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# ib_write_bw in messages of 64 KiB, in Gb/s.
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/guest/bench/perftest.sh
. "$(dirname "$0")/perftest.sh"

messages=$(rounds 300 1000)

# bandwidth FS CASE FILE ROUND
bandwidth() {
	local value
	value=$(perftest ib_write_bw "$2" "$3" --report_gbits -s 65536 -n "$messages" |
		awk '$1 == 65536 {print $4}')
	sample bandwidth "$1" "$2" 65536 "$4" "$value"
}

each_perftest bandwidth
