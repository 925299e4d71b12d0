#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
#   bench-mr.sh WHAT TURNS ROUNDS
#
# Registration of anonymous memory, module out and in by turns, printed as a
# table.  WHAT the guest's clock counts is for the heading.
. "$(dirname "$0")/lib.sh"

BENCH=$OUT/selftests/bench-mr
[ -x "$BENCH" ] || die "$BENCH was not built"

unload daxlease_testdev daxlease
echo "registration of anonymous memory, $1"
"$BENCH" "$2" "$3" "! test -d /sys/module/daxlease || rmmod daxlease" \
	"insmod $MODULES/daxlease/daxlease.ko" |
	jq -r '["bytes", "module_out", "module_in", "ratio"],
		(.sizes[] | [.bytes, .out_ns, .in_ns, .ratio]),
		["sum", .out_ns, .in_ns, .ratio] | @tsv' |
	awk -F '\t' '{printf "%10s %12s %12s %8s\n", $1, $2, $3, $4}'
