#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Registration of anonymous memory, module out and in, by turns.  The program
# build/selftests/bench-mr prints nanoseconds per registration on its last line.
. "$(dirname "$0")/lib.sh"

BENCH=$OUT/selftests/bench-mr
ROUNDS=${ROUNDS:-5}

[ -x "$BENCH" ] || die "$BENCH was not built"

measure() {
	"$BENCH" | tail -n 1 | grep -oE '[0-9]+' | tail -n 1
}

median() {
	sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'
}

: >/tmp/out
: >/tmp/in
for round in $(seq "$ROUNDS"); do
	unload daxlease_testdev daxlease
	measure >>/tmp/out
	load_daxlease
	measure >>/tmp/in
	echo "round $round of $ROUNDS: module out $(tail -n 1 /tmp/out) ns, in $(tail -n 1 /tmp/in) ns"
done
out=$(median </tmp/out)
in=$(median </tmp/in)
echo "median: module out $out ns, in $in ns, ratio in/out $(awk "BEGIN {printf \"%.3f\", $in / $out}")"
