# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the benchmarks in the guest share.  Source it; it sets strict mode.
#
# A benchmark is a script here, called with 'short' or 'full'.  It appends its
# samples to /results/samples.jsonl, and takes them in rounds, each of which goes
# through all cases: what changes in the course of time meets all of them.
# shellcheck disable=SC2034 # used by those who source it
. "$(dirname "$0")/../lib.sh"

BENCH=$OUT/selftests
SAMPLES=$RESULTS/samples.jsonl
LENGTH=${1:-short}
FILESYSTEMS="ext4 xfs"

# rounds SHORT FULL: how many, by the length of the run.
rounds() {
	if [ "$LENGTH" = full ]; then
		echo "$2"
	else
		echo "$1"
	fi
}

# progress WHAT...: scripts/vm takes a guest that is silent for long for one that hangs.
progress() {
	echo "bench: ... $*"
}

# measure PROGRAM ARGUMENT...: a program of selftests/bench.
measure() {
	local program=$BENCH/$1
	progress "$@"
	shift
	[ -x "$program" ] || die "$program was not built"
	"$program" "$@" >>"$SAMPLES"
}

# sample BENCH ON CASE X ROUND VALUE: for what is measured by other programs.
sample() {
	printf '{"bench":"%s","on":"%s","case":"%s","x":%s,"round":%s,"value":%s}\n' "$@" >>"$SAMPLES"
}

mount_of() {
	case $1 in
	ext4) echo "$DAXLEASE_EXT4" ;;
	xfs) echo "$DAXLEASE_XFS" ;;
	esac
}

device_of() {
	case $1 in
	ext4) echo "$DAXLEASE_EXT4_DEV" ;;
	xfs) echo "$DAXLEASE_XFS_DEV" ;;
	esac
}

# remount FS OPTIONS: the same filesystem, mounted anew.
remount() {
	local dir
	dir=$(mount_of "$1")
	quiet "unmount $dir" umount "$dir"
	quiet "mount it" mount -t "$1" -o "$2" "$(device_of "$1")" "$dir"
}

# aligned_fs FS: a new one, which lays large files out for entries of 2 MiB.
aligned_fs() {
	local dir dev
	dir=$(mount_of "$1")
	dev=$(device_of "$1")
	quiet "unmount $dir" umount "$dir"
	case $1 in
	ext4) quiet "make an ext4" mkfs.ext4 -q -F -E stride=512,stripe_width=512 "$dev" ;;
	xfs) quiet "make an xfs" mkfs.xfs -q -f -d su=2m,sw=1,agcount=2 "$dev" ;;
	esac
	quiet "mount it" mount -t "$1" -o dax=always "$dev" "$dir"
	[ "$1" != xfs ] || quiet "set a hint for extents" xfs_io -c "extsize 2m" "$dir"
}

# module_is out|in|bench: have no daxlease.ko, that of the checkout, or the one
# whose grace periods can be chosen.
module_is() {
	unload daxlease_testdev daxlease
	case $1 in
	in) load_daxlease ;;
	bench) quiet "load the module for benchmarks" insmod "$MODULES/bench/daxlease.ko" ;;
	esac
}

load_scan() {
	module_loaded daxlease_scan ||
		quiet "load the search" insmod "$MODULES/scan/daxlease_scan.ko"
}
