#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# SIGKILL in the middle of a transfer, CYCLES times, on ext4 and xfs at once:
# of ib_write_bw that holds lease and pins, of its client, of both.  Each time
# the file must be free at once; in the end no pin and no lease is left, and the
# module can be unloaded.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/bw.sh"

CYCLES=${CYCLES:-1000}

stop() {
	echo "not ok - soak-kill: $*"
	exit 1
}

# One cycle on one file; VICTIM is server, client or both.
cycle() {
	local file=$1 port=$2 victim=$3 log=$4
	xfs_io -f -c "pwrite -q 0 1m" "$file"
	bw_server "$port" "$file" "$log.server" daxlease run "$file" --
	bw_listening "$port" || stop "$(cat "$log.server")"
	bw_client "$port" "$log.client"
	bw_pinned "$file" || stop "$(cat "$log.server" "$log.client")"
	sleep "0.$((RANDOM % 5))$((RANDOM % 10))"
	case $victim in
	server) kill -KILL "$BW_SERVER" || true ;;
	client) kill -KILL "$BW_CLIENT" || true ;;
	both) kill -KILL "$BW_SERVER" "$BW_CLIENT" || true ;;
	esac
	# The one that is left has lost its peer.
	sleep 0.05
	kill -KILL "$BW_SERVER" "$BW_CLIENT" 2>/dev/null || true
	wait "$BW_SERVER" "$BW_CLIENT" 2>/dev/null || true
	[ "$(daxlease ls --json "$file" | jq '.leases | length')" = 0 ] ||
		stop "a lease is left on $file: $(daxlease ls "$file")"
	truncate -s 4096 "$file" || stop "$file cannot be truncated"
	rm "$file"
}

worker() {
	local fs=$1 port=$2 count=$3 n victims=(server client both)
	for ((n = 1; n <= count; n++)); do
		cycle "/mnt/$fs/soak" "$port" "${victims[n % 3]}" "/tmp/$fs"
		port=$((port + 1))
		[ $((n % 20)) -ne 0 ] || echo "# $fs: $n of $count cycles"
	done
}

# The shell tells of every job that was killed; that is no news here.
worker ext4 20000 $(((CYCLES + 1) / 2)) 2>/tmp/ext4.err &
ext4=$!
worker xfs 30000 $((CYCLES / 2)) 2>/tmp/xfs.err &
xfs=$!
rc=0
wait "$ext4" || rc=1
wait "$xfs" || rc=1
if [ "$rc" -ne 0 ]; then
	grep -v Killed /tmp/ext4.err /tmp/xfs.err | tail -n 20
	exit 1
fi
echo "ok - soak-kill: $CYCLES kills, each left its file free"

no_pins_left || stop "a page is still pinned"
echo "ok - soak-kill: every pinned page was released"

if [ -z "${SOAK_KEEPS_MODULE:-}" ]; then
	unload daxlease_testdev daxlease
	echo "ok - soak-kill: the modules can be unloaded"
fi
