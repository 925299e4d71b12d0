#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make bench: all set-up, then the benchmarks, their table on the terminal, and JSON
# and plots in build/bench/.  FULL=1: more sizes, more rounds.  BENCH= names those to
# run.
#
# What one thread does is measured in a guest whose clock counts instructions: this
# repeats to a fraction of a per cent, however busy the host is.  A grace period
# needs a second processor to wait for.  What needs two that really run at the same
# time is measured in a guest whose clock tells time.  What compares two kernels runs in
# a guest of each, and in both after nothing else; the one without the series is built
# for it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cache.sh"
. "$(dirname "$0")/keys.sh"

COUNTED="verdict break pins fsync regions bandwidth fio"
COUNTED_PAIR="truncate gup"
COUNTED_SMP="drain"
TIMED="latency threads"

[ "$FLAVOUR" = plain ] || die "a kernel that looks for mistakes costs too much to measure on"

length=short
[ -z "${FULL:-}" ] || length=full
results=$BUILD/bench
report=$BUILD/report

# chosen NAME...: those of them that are to run.
chosen() {
	local name
	for name in "$@"; do
		case " ${BENCH:-$name} " in
		*" $name "*) echo "$name" ;;
		esac
	done | xargs
}

build_report() {
	phase report "what makes tables and plots" \
		"see the log; crates come from crates.io through CARGO_HOME=$CACHE/cargo"
	cache_use root "$(root_key)"
	mkdir -p "$CACHE/cargo" "$report"
	run_logged report "$TOP/scripts/inroot.sh" "$(root_dir)" -r "$TOP:/src" -b "$report:/out" \
		-b "$CACHE/cargo:/cargo" -e CARGO_HOME=/cargo -e CARGO_TARGET_DIR=/out \
		-C /src/tools/daxlease-report -- cargo build --release --locked
}

# measure GUEST NAME...: the benchmarks, in a guest of their own.
measure() {
	local guest=$1 flavour=$FLAVOUR options=()
	shift
	[ $# -gt 0 ] || return 0
	case $guest in
	counted | counted-patched) options=(-n) ;;
	counted-stock)
		options=(-n)
		flavour=stock
		;;
	counted-smp) options=(-n -c 2) ;;
	esac
	mkdir -p "$results/$guest"
	rm -f "$results/$guest/samples.jsonl"
	FLAVOUR=$flavour PMEM_SIZE=2304M "$TOP/scripts/vm" "${options[@]}" -q 1800 -t 14400 -o "$results/$guest" \
		-- /src/scripts/guest/setup.sh --no-module /src/scripts/guest/bench/run.sh "$length" "$@" ||
		failed="$failed $guest"
	cat "$results/$guest/samples.jsonl" >>"$results/samples.jsonl" || true
}

# step SCRIPT ARGUMENT...: what has said itself what went wrong.
step() {
	"$TOP/scripts/$1" "${@:2}" || {
		explained
		exit 1
	}
}

lock_build
step prepare.sh
step module.sh bench
# shellcheck disable=SC2086 # names
pair=$(chosen $COUNTED_PAIR)
if [ -n "$pair" ]; then
	[ -z "$(chosen gup)" ] || step selftests.sh gup_test
	FLAVOUR=stock step kernel.sh
fi
build_report

rm -rf "$results"
mkdir -p "$results"
failed=
# shellcheck disable=SC2046,SC2086 # names
{
	measure counted $(chosen $COUNTED)
	measure counted-patched $pair
	measure counted-stock $pair
	measure counted-smp $(chosen $COUNTED_SMP)
	measure timed $(chosen $TIMED)
}
[ -s "$results/samples.jsonl" ] ||
	die "no samples;${failed:+ failed in guest:$failed;} BENCH= can name: $COUNTED $COUNTED_PAIR $COUNTED_SMP $TIMED"

phase bench "the report" "the samples are in $results/samples.jsonl"
echo
"$TOP/scripts/inroot.sh" "$(root_dir)" -r "$report:/out" -b "$results:/results" \
	-- /out/release/daxlease-report /results/samples.jsonl /results
say "bench: $length; table, JSON and plots in ${results#"$TOP/"}"
[ -z "$failed" ] || die "not all of it could be measured; see above, guest:$failed"
explained
