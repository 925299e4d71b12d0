#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The stress test again and again, with another seed each time and more of all
# than in its short form, until the time is over:
#
#   soak.sh MINUTES SEED
. "$(dirname "$0")/lib.sh"

minutes=$1
seed=$2
end=$((SECONDS + minutes * 60))
rounds=0

stop() {
	echo "not ok - soak: $*, after $rounds rounds"
	echo "# again: cd /src/build/selftests && ./stress/stress $round"
	exit 1
}

while [ "$rounds" -eq 0 ] || [ "$SECONDS" -lt "$end" ]; do
	# More workers, or longer phases: not always the same shape.
	round="--seed $seed --workers $((4 + seed % 5)) --phases 6 --ops $((500 + seed % 4 * 500))"
	# shellcheck disable=SC2086 # options
	(cd "$OUT/selftests" && ./stress/stress $round) >"$RESULTS/soak.log" 2>&1 || {
		cat "$RESULTS/soak.log"
		stop "seed $seed"
	}
	rounds=$((rounds + 1))
	echo "# $((SECONDS / 60)) of $minutes minutes: seed $seed passed"
	seed=$((seed + 1))
done
echo "ok - soak: $rounds rounds, on ext4 and on xfs"

no_pins_left || stop "a page is still pinned"
echo "ok - soak: every pinned page was released"

if [ "$FLAVOUR" = debug ]; then
	nothing_lost || stop "memory was lost"
	echo "ok - soak: no memory was lost"
fi

umount "$DAXLEASE_EXT4" "$DAXLEASE_XFS"
quiet "check the ext4" e2fsck -fn "$DAXLEASE_EXT4_DEV"
quiet "check the xfs" xfs_repair -n "$DAXLEASE_XFS_DEV"
echo "ok - soak: the filesystems are consistent"

unload daxlease_testdev daxlease
echo "ok - soak: the modules can be unloaded"
