#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernel's own gup_test: nanoseconds to take all of 64 MiB, in entries of 4 KiB, so
# many pages at once, and to give it back.  Runs in a guest whose kernel has the series,
# with the module out and in, and in one whose kernel has not.
. "$(dirname "$0")/lib.sh"

case $FLAVOUR in
stock) states=stock ;;
*) states="patched loaded" ;;
esac
# 1 is the cost of a call, 512 that of a page.
per_call="512"
[ "$LENGTH" != full ] || per_call="1 512"
mib=64

[ -e /sys/kernel/debug/gup_test ] || die "this kernel has no CONFIG_GUP_TEST"
echo 0 >/proc/sys/kernel/randomize_va_space

# gup ON STATE ROUND CALL ARGUMENT...
gup() {
	local on=$1 state=$2 round=$3 call=$4 pages option value
	shift 4
	case $call in
	get-fast) option=-u ;;
	get) option=-U ;;
	pin-fast) option=-a ;;
	pin) option=-b ;;
	pin-longterm) option=-L ;;
	esac
	for pages in $per_call; do
		value=$("$BENCH/gup_test" "$option" -m "$mib" -n "$pages" -T "$@" 2>&1 >/tmp/gup.log) || {
			cat /tmp/gup.log >&2
			die "gup_test failed: $on, $call: $value"
		}
		sample "gup-$pages" "$on-$call" "$state" "$((mib << 20))" "$round" "$value"
	done
}

for fs in $FILESYSTEMS; do
	file=$(mount_of "$fs")/gup
	quiet "make a file" xfs_io -f -c "pwrite -q 0 ${mib}m" -c fsync "$file"
	# What is to be measured is memory of which no long-term pin is to be had.
	! "$BENCH/gup_test" -L -m "$mib" -T -S -f "$file" >/tmp/gup.log 2>&1 ||
		die "a long-term pin of $file without a lease"
done
for round in $(seq "$(rounds 3 7)"); do
	for state in $states; do
		progress "gup_test, round $round, $state"
		case $state in
		patched) module_is out ;;
		loaded) module_is in ;;
		esac
		for call in get-fast get pin-fast pin; do
			gup anon "$state" "$round" "$call"
			for fs in $FILESYSTEMS; do
				gup "$fs" "$state" "$round" "$call" -S -f "$(mount_of "$fs")/gup"
			done
		done
		gup anon "$state" "$round" pin-longterm
	done
done
