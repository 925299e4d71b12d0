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
	printf '%d %d %d\n' "$passed" "$failed" "$skipped" >"$BUILD/check-$FLAVOUR.summary"
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

touch "$results/notable"
if [ -s "$results/summary" ]; then
	read -r passed failed skipped <"$results/summary"
fi
if [ "$rc" -ne 0 ] && [ "$failed" -eq 0 ]; then
	failed=1
	echo "FAILED  guest: see above, and $LOGDIR/console.log" >>"$results/notable"
elif [ "$passed" -eq 0 ] && [ "$failed" -eq 0 ]; then
	failed=1
	echo "FAILED  guest: not one test ran" >>"$results/notable"
fi

# beside NAME WHAT-FAILED COMMAND...: one more result.
beside() {
	local name=$1 what=$2
	shift 2
	if "$@" 2>&1 | tee "$results/$name.log"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED  $name: $what" >>"$results/notable"
	fi
}

if [ -z "${TESTS:-}" ]; then
	beside last "a device that goes under a pin" \
		"$TOP/scripts/vm" -- /src/scripts/guest/setup.sh /src/scripts/guest/last.sh
fi

# On one kernel: that the tests notice what they should does not depend on it, nor
# does the model.
if [ -z "${TESTS:-}" ] && [ "$FLAVOUR" = plain ]; then
	beside mutate "the tests do not notice a disabled protection" \
		"$TOP/scripts/vm" -w -- /src/scripts/guest/setup.sh /src/scripts/guest/mutate.sh
	beside crash "what a killed guest left, or how it is checked" \
		"$TOP/scripts/crash-cycles.sh" -s
	beside model "the protocol, or a mutation of it that was not refuted" \
		"$TOP/scripts/model.sh" -s
fi

# Nor what such a kernel notices on what is tested.
if [ -z "${TESTS:-}" ] && [ "$FLAVOUR" = debug ]; then
	beside notice "the debug kernel, or scripts/vm, does not notice what it should" \
		"$TOP/scripts/notice.sh"
fi

# Of a long log, the end is read: what failed comes last, with what it said.
failures() {
	local line group
	while IFS= read -r line; do
		echo "$line"
		group=${line#FAILED  }
		group=${group%%:*}
		if [ -e "$results/tap/$group.tap" ]; then
			grep -B 12 '^not ok' "$results/tap/$group.tap" | tail -n 40 | sed 's/^/    /' || true
		elif [ -e "$results/$group.log" ]; then
			tail -n 25 "$results/$group.log" | sed 's/^/    /'
		fi
	done < <(grep '^FAILED' "$results/notable")
}

echo
grep '^skipped' "$results/notable" || true
failures | tee "$BUILD/check-$FLAVOUR.failed"
say "check: FLAVOUR=$FLAVOUR, results in ${results#"$TOP/"}${TESTS:+ (only what matches $TESTS)}"
close
