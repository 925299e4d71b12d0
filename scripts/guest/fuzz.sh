#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The long form of the fuzzer's test:
#
#   fuzz.sh CALLS SEED
#
# CALLS random calls, a tenth each on ext4 and xfs, by root and by a user, from one
# thread and from several, and by threads of both; then nothing may be left of them.
. "$(dirname "$0")/lib.sh"

calls=$1
seed=$2
failed=0

# expect NAME COMMAND...
expect() {
	local name=$1
	shift
	if "$@"; then
		echo "ok - fuzz: $name"
	else
		echo "not ok - fuzz: $name"
		failed=1
	fi
}

# shellcheck disable=SC2317 # called by expect
consistent() {
	umount "$1" && "${@:2}"
}

cd "$OUT/selftests"
expect "$calls calls, seed $seed" \
	./fuzz/fuzz --calls $(((calls + 9) / 10)) --seed "$seed" --dump "$RESULTS/found.calls"
expect "every pinned page was released" no_pins_left
[ "$FLAVOUR" != debug ] || expect "no memory was lost" nothing_lost
expect "the modules can be unloaded" unload daxlease_testdev daxlease
expect "the ext4 is consistent" consistent "$DAXLEASE_EXT4" e2fsck -fn "$DAXLEASE_EXT4_DEV"
expect "the xfs is consistent" consistent "$DAXLEASE_XFS" xfs_repair -n "$DAXLEASE_XFS_DEV"
exit "$failed"
