# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the guest's scripts share.  Source it; it sets strict mode.
# shellcheck disable=SC2034 # used by those who source it

set -euo pipefail

FLAVOUR=${FLAVOUR:-plain}
OUT=/src/build
MODULES=$OUT/$FLAVOUR
RESULTS=/results

die() {
	echo "guest: $*" >&2
	exit 1
}

# quiet NAME COMMAND...: say nothing unless it fails.
quiet() {
	local what=$1 log
	shift
	log=$(mktemp)
	if ! "$@" >"$log" 2>&1; then
		cat "$log" >&2
		die "cannot $what: $*"
	fi
	rm -f "$log"
}

module_loaded() {
	[ -d "/sys/module/$1" ]
}

load_daxlease() {
	module_loaded daxlease || quiet "load the module" insmod "$MODULES/daxlease/daxlease.ko"
}

load_testdev() {
	[ ! -e "$MODULES/testdev/daxlease_testdev.ko" ] || module_loaded daxlease_testdev ||
		quiet "load the test device" insmod "$MODULES/testdev/daxlease_testdev.ko"
}

load_inject() {
	[ ! -e "$MODULES/inject/daxlease_inject.ko" ] || module_loaded daxlease_inject ||
		quiet "load the fault injector" insmod "$MODULES/inject/daxlease_inject.ko"
}

unload() {
	local name
	for name in "$@"; do
		! module_loaded "$name" || quiet "unload $name" rmmod "$name"
	done
}

vmstat() {
	awk -v name="$1" '$1 == name {print $2}' /proc/vmstat
}

# Every page that was ever pinned is released, perhaps a moment from now.
no_pins_left() {
	local try
	for try in $(seq 50); do
		echo 1 >/proc/sys/vm/stat_refresh
		if [ "$(vmstat nr_foll_pin_acquired)" = "$(vmstat nr_foll_pin_released)" ]; then
			return 0
		fi
		sleep 0.2
	done
	echo "# pages pinned: $(vmstat nr_foll_pin_acquired), released: $(vmstat nr_foll_pin_released), after $try tries"
	return 1
}

KMEMLEAK=/sys/kernel/debug/kmemleak
# Has the allocator forget what it gave out last, which would hide that it is lost.
CHURN=/sys/module/daxlease_inject/parameters/churn

# No memory that this project's code allocated is lost, as far as the kernel can
# tell: it looks twice, as what is on its way in one scan is found by the next,
# and does not report what is younger than five seconds.
nothing_lost() {
	local reports
	[ ! -e "$CHURN" ] || echo 1 >"$CHURN"
	sleep 6
	# It switches itself off where it has no memory left, and then knows of nothing.
	if ! echo scan >"$KMEMLEAK" || ! echo scan >"$KMEMLEAK"; then
		echo "# kmemleak does not look"
		return 1
	fi
	reports=$(awk '
		function tell() { if (ours) printf "%s", report }
		/^[^ ]/ { tell(); report = ""; ours = 0 }
		{ report = report "# " $0 "\n" }
		/^ / && !/ comm / && /daxlease|layout_|rxe_|ib_umem|io_sqe_buffer|io_pin_pages|io_clone_buffers/ { ours = 1 }
		END { tell() }' "$KMEMLEAK")
	[ -z "$reports" ] || echo "$reports"
	[ -z "$reports" ]
}
