#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check: all set-up, then every test in the guest.  The last line is
# "N passed, N failed, N skipped".
. "$(dirname "$0")/lib.sh"

results=$BUILD/$FLAVOUR/results
passed=0
failed=0
skipped=0

close() {
	printf '%d %d %d\n' "$passed" "$failed" "$skipped" >"$BUILD/check.summary"
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	explained
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit
}

lock_build
"$TOP/scripts/prepare.sh" || {
	failed=1
	close
}

[ -z "${TESTS:-}" ] || say "check: a part only: the test programs that match '$TESTS'"
rm -rf "$results"
mkdir -p "$results"
rc=0
"$TOP/scripts/vm" -o "$results" -- /src/scripts/guest/setup.sh /src/scripts/guest/check.sh || rc=$?

echo
if [ -s "$results/notable" ]; then
	cat "$results/notable"
fi
if [ -s "$results/summary" ]; then
	read -r passed failed skipped <"$results/summary"
fi
if [ "$rc" -ne 0 ] && [ "$failed" -eq 0 ]; then
	echo "FAILED  guest: see above, and $LOGDIR/console.log"
	failed=1
elif [ "$passed" -eq 0 ] && [ "$failed" -eq 0 ]; then
	echo "FAILED  guest: not one test ran"
	failed=1
fi
say "check: FLAVOUR=$FLAVOUR, results in ${results#"$TOP/"}${TESTS:+ (only what matches $TESTS)}"
close
