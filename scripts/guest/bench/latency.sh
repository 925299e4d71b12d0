#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# ib_write_lat in messages of 4 KiB, in microseconds: the median, and the 99th
# percentile.
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/guest/bench/perftest.sh
. "$(dirname "$0")/perftest.sh"

# A packet for a message: of an ODP write, rxe of Linux 7.3 puts each packet at the start
# of its page, so the end of a message of several never comes.
quiet "make room for packets of 4 KiB" ip link set "$DAXLEASE_NETDEV" mtu 4200

messages=$(rounds 1000 5000)

# latency FS CASE FILE ROUND
latency() {
	local typical=inf p99 try
	# Where it was not on the processor for long, it makes the cycle counter's rate 0.
	for try in {1..10}; do
		[ "$typical" = inf ] || break
		read -r typical p99 < <(perftest ib_write_lat "$2" "$3" -s 4096 -n "$messages" |
			awk '$1 == 4096 {print $5, $8}')
	done
	[ "$typical" != inf ] || die "ib_write_lat knows no time after $try tries"
	sample latency-p50 "$1" "$2" 4096 "$4" "$typical"
	sample latency-p99 "$1" "$2" 4096 "$4" "$p99"
}

each_perftest latency
