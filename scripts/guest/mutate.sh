#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Show that the tests can fail: they pass as things are, and with one protection
# after the other knocked out by daxlease_mutate.ko they report it.
#
#   mutate.sh [PATTERN]     of the fsync and stress tests only the cases that match
#
# The stress test runs with the filesystems' own waits for busy pages out of the
# way in all cases, or a change would wait for each pin that it should have been
# refused for.  It does without other references to pages then, and passes as
# long as the protection that the case is about is there.
. "$(dirname "$0")/lib.sh"

SELFTESTS=$OUT/selftests
MUTATION=$MODULES/mutate/daxlease_mutate.ko
PATTERN=${1:-}
SEED=${SEED:-1}

failed=0
number=0

# result STATUS NAME
result() {
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		failed=1
	fi
}

# symbol END [MODULE]: the whole name of a function of a module, by how it ends.
symbol() {
	local name module=${2:-daxlease}
	name=$(awk -v end="$1\$" -v module="[$module]" '$4 == module && $3 ~ end {print $3}' \
		/proc/kallsyms)
	[ "$(wc -w <<<"$name")" -eq 1 ] || die "not one function $1 in $module: $name"
	echo "$name"
}

# What a test says: on the terminal at once, and in /tmp/tap.
shown() {
	tee /tmp/tap | sed -u 's/^/    /'
}

# in_selftests SECONDS COMMAND...: its status, and what it says as by shown.
in_selftests() {
	local limit=$1
	shift
	(cd "$SELFTESTS" && timeout -k 10 "$limit" "$@") 2>&1 | shown
}

corruption_test() {
	local line
	line=$(grep -m 1 -E '^[^#]*corruption' "$SELFTESTS/tests.list") ||
		die "no line of tests.list is the corruption test"
	in_selftests 300 bash -c "$line"
}

# fsync_case NAME TEST OUTCOME FUNC: this test of fsync_kinds passes or fails.
fsync_case() {
	local says="ok" fs rc=0
	[[ $1 =~ $PATTERN ]] || return 0
	echo "# fsync: $1"
	[ "$3" = passes ] || says="not ok"
	quiet "load the mutation" insmod "$MUTATION" "func=$4" slow_us=20000
	in_selftests 300 ./fsync_kinds -t "$2" || true
	for fs in ext4 xfs; do
		grep -q "^$says .*$fs\\.$2\$" /tmp/tap || rc=1
	done
	result "$rc" "the fsync test, $1: $2 $3"
	unload daxlease_mutate
}

# stress_test FS SEED
stress_test() {
	in_selftests "$LIMIT" ./stress/stress --seed "$2" --ops 500 --phases 2 \
		--no-transient --no-between --fs "$1"
}

# stress_notices FS WHAT: with one of a few seeds it says so.  What two processes do
# at the same time is not in a seed, so one run may be lucky, or meet other damage.
stress_notices() {
	local seed
	for seed in $(seq "$SEED" $((SEED + 4))); do
		! stress_test "$1" "$seed" && grep -q '^not ok ' /tmp/tap &&
			grep -qE "^# ($2)" /tmp/tap && return
	done
	return 1
}

LIMIT=600
[ "$FLAVOUR" = plain ] || LIMIT=2400

# What was let happen may have hit metadata.
fresh() {
	local type=$1 dev=$2 dir=$3
	shift 3
	quiet "unmount $dir" umount "$dir"
	quiet "make a new $type" "mkfs.$type" -q "$@" "$dev"
	quiet "mount it" mount -t "$type" -o dax=always "$dev" "$dir"
}

# stress_case NAME WHAT-IT-MUST-SAY FUNC [SLOW [SLOW_US]]; nothing to say: it must pass.
stress_case() {
	local name=$1 says=$2 fs rc
	[[ $name =~ $PATTERN ]] || return 0
	fresh ext4 "$DAXLEASE_EXT4_DEV" "$DAXLEASE_EXT4" -F
	fresh xfs "$DAXLEASE_XFS_DEV" "$DAXLEASE_XFS" -f -m reflink=1,rmapbt=1 -i exchange=1
	quiet "load the mutation" insmod "$MUTATION" "func=$3" ${4:+"slow=$4"} ${5:+"slow_us=$5"}
	for fs in ext4 xfs; do
		echo "# stress on $fs: $name"
		rc=0
		if [ -n "$says" ]; then
			stress_notices "$fs" "$says" || rc=1
			result "$rc" "stress on $fs, $name: says $says"
		else
			stress_test "$fs" "$SEED" && grep -q '^ok ' /tmp/tap || rc=1
			result "$rc" "stress on $fs, $name: passes"
		fi
	done
	unload daxlease_mutate
}

# revoke_case FUNC: a region that goes on being written to is noticed.
revoke_case() {
	local fs rc
	[[ "revocation" =~ $PATTERN ]] || return 0
	fresh ext4 "$DAXLEASE_EXT4_DEV" "$DAXLEASE_EXT4" -F
	fresh xfs "$DAXLEASE_XFS_DEV" "$DAXLEASE_XFS" -f -m reflink=1,rmapbt=1 -i exchange=1
	quiet "load the mutation" insmod "$MUTATION" "func=$1"
	in_selftests 600 ./revoke_rdma_write -t truncate || true
	for fs in ext4 xfs; do
		rc=0
		grep -q "^not ok .*$fs.truncate\$" /tmp/tap && grep -q CORRUPTION /tmp/tap || rc=1
		result "$rc" "revocation on $fs: corruption is found when $1() does nothing"
	done
	unload daxlease_mutate
}

[ -e "$MUTATION" ] || die "$MUTATION was not built"

echo "# as things are"
rc=0
corruption_test && grep -q '^ok ' /tmp/tap || rc=1
result "$rc" "the corruption test passes"

echo "# with the break check disabled"
quiet "load the mutation" insmod "$MUTATION"
rc=0
! corruption_test && grep -q '^not ok ' /tmp/tap && grep -q 'CORRUPTION' /tmp/tap || rc=1
result "$rc" "it finds the corruption when the break check is disabled"
unload daxlease_mutate

wait=dax_break_layout,dax_break_layout_final
pin=$(symbol 5hooks3pin)
marks=$(symbol 5Inner11is_changing)
stop=$(symbol 9Revocable6revoke daxlease_testdev)

# A walk that sleeps between its check and its account: what the drain is for.
slow_walk=layout_pin_grab@daxlease:daxlease_mutate_slow_grab

# A flush cleans what a device goes on writing to.
fsync_case "nothing stays dirty" by_fsync fails __layout_lease_write_pinned
# A flush cleans what a walk has taken and not accounted for yet.
fsync_case "walks are seen" a_writeback_under_way passes "$slow_walk"
fsync_case "walks are not seen" a_writeback_under_way fails \
	"$slow_walk,$(symbol 5Inner13may_be_taking)"

stress_case "all protections there" "" "$wait,$slow_walk" __layout_break_begin
# A layout change is never refused.
stress_case "no break check" CORRUPTION "$wait,__layout_break_begin"
# Pins are admitted without a look, and not accounted for.
stress_case "no gate" "BROKEN ACCOUNT" "$wait,$pin:layout_pin_grab"
# Pins are admitted while the layout changes.
stress_case "no marks" "LOST WRITE" "$wait,$marks" __layout_break_begin
# A layout change does not wait for pins in the making.
stress_case "no drain" "LOST WRITE" "$wait,$slow_walk,synchronize_srcu@daxlease" "" 20000

# Holders are asked to let go, and not waited for.
stress_case "no wait for holders" CORRUPTION "$wait,layout_break_wait"
# Pins are admitted while holders are waited for.
stress_case "no marks while holders are asked" "BROKEN RULE: a pin of .* was admitted" \
	"$wait,$marks"
# Accounts are given back, and the device keeps its pages.
stress_case "no stop of the test device" CORRUPTION "$wait,$stop"
# The pages are unpinned, and the device is not stopped.
stress_case "no stop of rxe" CORRUPTION "$wait,rxe_mr_revoke"
revoke_case rxe_mr_revoke

echo "1..$number"
exit "$failed"
