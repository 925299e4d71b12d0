#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make fuzz: all set-up, then CALLS random calls on /dev/daxlease in the guest.
# SEED= repeats a run: with one thread the calls are the same.
. "$(dirname "$0")/lib.sh"

CALLS=${CALLS:-1000000}
SEED=${SEED:-$(date +%s)}
results=$BUILD/$FLAVOUR/fuzz

lock_build
"$TOP/scripts/prepare.sh" || {
	explained
	exit 1
}
mkdir -p "$results"
rm -f "$results/found.calls"
say "fuzz: CALLS=$CALLS SEED=$SEED FLAVOUR=$FLAVOUR"
rc=0
"$TOP/scripts/vm" -t $((3600 + CALLS / 20)) -o "$results" -- /src/scripts/guest/setup.sh \
	/src/scripts/guest/fuzz.sh "$CALLS" "$SEED" || rc=$?
explained
if [ "$rc" -ne 0 ]; then
	[ ! -e "$results/found.calls" ] ||
		echo "the calls that led to it: ${results#"$TOP/"}/found.calls, for fuzz --replay"
	echo "the same again: make fuzz FLAVOUR=$FLAVOUR CALLS=$CALLS SEED=$SEED"
fi
exit "$rc"
