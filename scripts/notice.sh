#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Part of make check-debug: show that the debug kernel notices what it is for, and
# that the run of a guest fails by it.
. "$(dirname "$0")/lib.sh"

phase notice "what the debug kernel is to complain about" \
	"see which of the texts is not in the console log"
lock_build
rc=0
"$TOP/scripts/vm" -- /src/scripts/guest/provoke.sh >"$LOGDIR/notice.log" 2>&1 || rc=$?
LOG=$LOGDIR/notice.log
[ "$rc" -ne 0 ] || die "a guest that complained and hung has passed"

# What scripts/vm found in the console, by the patterns that each run is judged by.
failed=0
while IFS=: read -r kind text; do
	if grep -E -f "$TOP/scripts/splat.patterns" "$LOGDIR/console.log" | grep -q "$text"; then
		echo "ok - notice: $kind"
	else
		echo "not ok - notice: $kind: no '$text'"
		failed=1
	fi
done <<'END'
a warning:WARNING: .*provoke
sleep in atomic context:sleeping function called from invalid context
RCU without a reader:WARNING: suspicious RCU usage
an armed timer that is freed:WARNING: .*debugobjects
lock order:possible circular locking
use after free:KASAN: slab-use-after-free
a task that hangs:INFO: task insmod.* blocked
END
explained
exit "$failed"
