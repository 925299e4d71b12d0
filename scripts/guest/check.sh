#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Run every test in the guest that setup.sh made ready: the KUnit suites of the
# module, the programs of build/selftests/tests.list, and that all of it left
# nothing behind.  Results: TAP on the terminal, "passed failed skipped" in
# /results/summary, the names of what failed or was skipped in /results/notable.
. "$(dirname "$0")/lib.sh"

SELFTESTS=$OUT/selftests
LIMIT=600
[ "$FLAVOUR" = plain ] || LIMIT=1200
SHORT=${SHORT:-}

passed=0
failed=0
skipped=0
mkdir -p "$RESULTS/tap"
: >"$RESULTS/notable"

skips=$(awk -v flavour="$FLAVOUR" \
	'$1 == "any" || $1 == flavour { sub(/^[a-z]+ /, ""); print }' "$(dirname "$0")/skips")

# A test that this kernel or this filesystem has never been able to run.
may_skip() {
	grep -qxEf <(printf '%s\n' "$skips") <<<"$1"
}

# result ok|not-ok|skip GROUP NAME
result() {
	if [ "$1" = skip ] && ! may_skip "$2: $3"; then
		echo "not ok - $2: $3: this is not in scripts/guest/skips"
		set -- not-ok "$2" "$3 (not in scripts/guest/skips)"
	fi
	case $1 in
	ok) passed=$((passed + 1)) ;;
	not-ok)
		failed=$((failed + 1))
		echo "FAILED  $2: $3" >>"$RESULTS/notable"
		;;
	skip)
		skipped=$((skipped + 1))
		echo "skipped $2: $3" >>"$RESULTS/notable"
		;;
	esac
}

# A test of this script's own: expect GROUP NAME COMMAND...
expect() {
	local group=$1 name=$2
	shift 2
	if "$@"; then
		echo "ok - $group: $name"
		result ok "$group" "$name"
	else
		echo "not ok - $group: $name"
		result not-ok "$group" "$name"
	fi
}

# count_tap GROUP FILE INDENT: count the result lines of a TAP file.
count_tap() {
	local group=$1 file=$2 indent=$3 line name
	while IFS= read -r line; do
		line=${line%$'\r'}
		line=${line#"$indent"}
		name=${line#not }
		name=${name#ok }
		name=${name#* }
		case $line in
		"ok "*"# SKIP"* | "1..0 # SKIP"*) result skip "$group" "${name#- }" ;;
		"ok "*) result ok "$group" "$name" ;;
		"not ok "*) result not-ok "$group" "${name#- }" ;;
		esac
	done < <(grep -E "^$indent(ok|not ok|1\.\.0 # SKIP) ?" "$file")
}

planned() {
	awk 'match($0, /^1\.\.[0-9]+/) {print substr($0, 4, RLENGTH - 3); exit}' "$1"
}

run_program() {
	local line=$1 group file limit rc=0 count plan
	group=$(basename "${line%% *}")
	file=$RESULTS/tap/$group.tap
	echo "# $line"
	limit=$LIMIT
	[[ $group != fault_* ]] || limit=$((4 * LIMIT))
	(cd "$SELFTESTS" && timeout -k 10 "$limit" bash -c "$line") 2>&1 </dev/null | tee "$file" || rc=$?
	count=$((passed + failed + skipped))
	count_tap "$group" "$file" ""
	count=$((passed + failed + skipped - count))
	plan=$(planned "$file")
	if [ "$rc" -eq 124 ] || [ "$rc" -eq 137 ]; then
		result not-ok "$group" "ended by timeout after $limit s"
	elif [ "$count" -eq 0 ] && [ "$rc" -eq 4 ]; then
		result skip "$group" "$(tail -n 1 "$file")"
	elif [ "$count" -eq 0 ]; then
		result not-ok "$group" "no result in its output, status $rc"
	elif [ -n "$plan" ] && [ "$plan" -ne 0 ] && [ "$plan" -ne "$count" ]; then
		result not-ok "$group" "$plan tests planned, $count results, status $rc"
	elif [ "$rc" -ne 0 ] && [ "$rc" -ne 4 ] && ! grep -q '^not ok' "$file"; then
		result not-ok "$group" "ended with status $rc"
	fi
}

# The suites that the modules' sources declare all ran when these were loaded.
run_kunit() {
	local suite file ktap
	while read -r suite; do
		ktap=/sys/kernel/debug/kunit/$suite/results
		file=$RESULTS/tap/kunit-$suite.tap
		if [ ! -e "$ktap" ]; then
			echo "not ok - kunit: $suite did not run"
			result not-ok kunit "$suite did not run"
			continue
		fi
		tee "$file" <"$ktap"
		count_tap "kunit $suite" "$file" "    "
		grep -q -E '^ {4}(not )?ok ' "$file" || result not-ok kunit "$suite has no results"
	done < <(grep -rhoE '#\[kunit_tests\([a-z0-9_]+\)\]' /src/rust /src/selftests/testdev | sed 's/.*(\(.*\)).*/\1/' | sort)
}

consistent() {
	local dev=$1 dir=$2
	shift 2
	if ! { umount "$dir" && "$@" "$dev"; } >"$RESULTS/fsck.log" 2>&1; then
		sed 's/^/# /' "$RESULTS/fsck.log"
		return 1
	fi
}

list=$SELFTESTS/tests.list
[ -s "$list" ] || die "$list names no tests"

run_kunit
while IFS= read -r program; do
	case $program in
	"" | "#"*) continue ;;
	# Long, and at home on the kernel that can make allocations fail.
	./fault_[!l]*) [ "$FLAVOUR$SHORT" = debug ] || [[ -n ${TESTS:-} ]] || continue ;;
	esac
	if [ -z "${TESTS:-}" ] || [[ $program =~ $TESTS ]]; then
		run_program "$program"
	fi
done <"$list"

# The short form of make soak-kill.
if [ -z "${TESTS:-}" ]; then
	expect soak-kill "8 kills in mid-transfer" \
		env CYCLES=8 SOAK_KEEPS_MODULE=1 "$(dirname "$0")/soak-kill.sh"
fi

gives_way() {
	"$(dirname "$0")/give-way.sh" "$@" 2>&1 | sed 's/^/# /'
}

if [ -z "${TESTS:-}" ]; then
	expect examples "the C server gives way on xfs" gives_way --thorough c xfs
	expect examples "the Rust server gives way on ext4" gives_way --thorough rs ext4
fi

expect afterwards "every pinned page was released" no_pins_left
# While the modules are there to tell their functions by name.
if [ -e "$KMEMLEAK" ]; then
	expect afterwards "no memory was lost" nothing_lost
fi
# The test device first: it stands on daxlease.
expect afterwards "the modules can be unloaded" unload daxlease_inject daxlease_testdev daxlease
# Loaded with other parameters: refused where these contradict each other, else obeyed.
loads_with() {
	insmod "$MODULES/daxlease/daxlease.ko" "$@" 2>&1 | sed 's/^/# /'
}

does_not_load_with() {
	! loads_with "$@" && ! module_loaded daxlease
}

obeys_parameters() {
	loads_with break_time_ms=1500 max_break_time_ms=3000 max_leases_per_user=7 && load_testdev &&
		(cd "$SELFTESTS" && DAXLEASE_BREAK_TIME_MS=1500 DAXLEASE_MAX_BREAK_TIME_MS=3000 \
			./break_deadline -t default_and_maximum | sed 's/^/# /') &&
		(cd "$SELFTESTS" && DAXLEASE_MAX_LEASES_PER_USER=7 \
			./lease_cap -t limit_per_user | sed 's/^/# /') &&
		unload daxlease_testdev daxlease
}

expect parameters "a break time of 0 is refused" does_not_load_with break_time_ms=0
expect parameters "a default above the maximum is refused" \
	does_not_load_with break_time_ms=3001 max_break_time_ms=3000
expect parameters "others are obeyed" obeys_parameters
expect afterwards "io_uring refuses DAX files as on stock Linux" "$SELFTESTS/uring_stock"
expect afterwards "the ext4 is consistent" consistent "$DAXLEASE_EXT4_DEV" "$DAXLEASE_EXT4" e2fsck -fn
expect afterwards "the xfs is consistent" consistent "$DAXLEASE_XFS_DEV" "$DAXLEASE_XFS" xfs_repair -n

echo "$passed $failed $skipped" >"$RESULTS/summary"
[ "$failed" -eq 0 ]
