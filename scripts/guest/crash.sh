#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# One life of the guest of 'make crash', between setup.sh and a crash:
#
#   crash.sh STEP...
#
#   fresh           remember how much is free on the new filesystems
#   check           what the last crash left: no lease, all that was acknowledged,
#                   consistent filesystems
#   lied            the same, where the work had lied: verify must say so
#   clear           remove all of it; no block and no inode must be missing then
#   spoil EPOCH     the same; but first and then things are made wrong, and verify,
#                   the count of free blocks and fsck must find them
#   work EPOCH SEED work until the guest is killed; it makes /results/ready
#   lie EPOCH SEED  the same, but it acknowledges without fsync
#
# /results/acks has what was acknowledged, /results/tally a line per check.
. "$(dirname "$0")/lib.sh"

CRASH=$OUT/selftests/crash
FILESYSTEMS="ext4 xfs"

# xfs keeps a few blocks for trees that once were larger.  A pinned file that
# was unlinked has a thousand.
XFS_SLACK=64

failed=0

# claim WHAT COMMAND...: it is so where the command succeeds.
claim() {
	local what=$1
	shift
	if "$@"; then
		echo "ok - crash: $what"
	else
		echo "not ok - crash: $what"
		failed=1
	fi
}

verify() {
	"$CRASH/verify" "$1" "$RESULTS"
}

acknowledged_is_there() {
	local rc=0
	verify "$1" >/tmp/verify || rc=$?
	sed 's/^/# /' /tmp/verify
	tail -n 1 /tmp/verify >>"$RESULTS/tally"
	return "$rc"
}

# More than that would hide what else is printed.
lie_is_found() {
	local rc=0
	verify "$1" >/tmp/verify || rc=$?
	sed 's/^/# /' /tmp/verify | sed -n '1,3p;$p'
	[ "$rc" -eq 1 ]
}

device_of() {
	case $1 in
	ext4) echo "$DAXLEASE_EXT4_DEV" ;;
	xfs) echo "$DAXLEASE_XFS_DEV" ;;
	esac
}

fsck_of() {
	if [ "$1" = ext4 ]; then
		e2fsck -fn "$DAXLEASE_EXT4_DEV"
	else
		xfs_repair -n "$DAXLEASE_XFS_DEV"
	fi
}

# Free blocks and used inodes, when all that is deferred is done.
space() {
	sync -f "/mnt/$1"
	stat -f -c '%f %c %d' "/mnt/$1" | awk '{print $1, $2 - $3}'
}

space_is_back() {
	local fs=$1 free used now_free now_used slack=0 try
	[ "$fs" = ext4 ] || slack=$XFS_SLACK
	read -r free used <"$RESULTS/space.$fs"
	for try in $(seq "${2:-100}"); do
		read -r now_free now_used < <(space "$fs")
		if [ "$now_used" -eq "$used" ] && [ $((free - now_free)) -le "$slack" ] &&
			[ $((now_free - free)) -le "$slack" ]; then
			return 0
		fi
		sleep 0.1
	done
	echo "# $fs: $now_free blocks are free, $free were; $now_used inodes are used, $used were; after $try looks"
	return 1
}

no_lease() {
	daxlease ls --json | jq -e '.leases | length == 0' >/dev/null && no_pins_left
}

consistent() {
	local fs=$1 rc=0
	umount "/mnt/$fs" || return 1
	fsck_of "$fs" >/tmp/fsck 2>&1 || rc=$?
	[ "$rc" -eq 0 ] || sed 's/^/# /' /tmp/fsck
	mount -t "$fs" -o dax=always "$(device_of "$fs")" "/mnt/$fs" || return 1
	return "$rc"
}

# Files that were leased when the guest went away can be changed, all can go.
# The logs first: what they say no longer holds.
remove_all() {
	rm -f "$RESULTS"/acks/*
	find /mnt/ext4 /mnt/xfs -path '*/e[0-9]*/[trgk][0-9]*' -exec truncate -s 0 {} + &&
		rm -rf /mnt/ext4/e[0-9]* /mnt/xfs/e[0-9]*
}

# after_crash VERIFY: with that as the word on what was acknowledged.
after_crash() {
	local fs
	claim "no lease and no pin is left" no_lease
	for fs in $FILESYSTEMS; do
		claim "$fs: $1" "${1// /_}" "$fs"
		claim "$fs: consistent" consistent "$fs"
	done
}

clear_all() {
	local fs
	claim "files that were leased can be truncated and removed" remove_all
	for fs in $FILESYSTEMS; do
		claim "$fs: no block and no inode is lost" space_is_back "$fs"
	done
}

# finds WHAT COMMAND...: it must fail, and name what is wrong.
finds() {
	local what=$1
	shift
	if "$@" >/tmp/found 2>&1 || ! grep -q -F "$what" /tmp/found; then
		sed 's/^/# /' /tmp/found
		return 1
	fi
	grep -m 1 -F "$what" /tmp/found | sed 's/^/# /'
}

verify_finds() {
	local kind=$1 fs=$2 fault
	fault=$("$CRASH/spoil" "$kind" "$fs" "$3" "$RESULTS") || return 1
	finds "$fs: $fault" verify "$fs"
}

# The descriptor keeps its blocks.
orphan_is_noticed() {
	local file=/mnt/$1/orphan rc=0
	fallocate -l 1M "$file"
	exec 9<>"$file"
	rm "$file"
	finds "blocks are free" space_is_back "$1" 2 || rc=1
	exec 9>&-
	return "$rc"
}

wrong_count_is_noticed() {
	umount "/mnt/$1"
	if [ "$1" = ext4 ]; then
		quiet "spoil the ext4" debugfs -w -R "freeb 40 2" "$DAXLEASE_EXT4_DEV"
	else
		quiet "spoil the xfs" xfs_db -x -c "agf 0" -c "write -d freeblks 5" "$DAXLEASE_XFS_DEV"
	fi
	! fsck_of "$1" >/tmp/fsck 2>&1
}

spoil() {
	local epoch=$1 fs kind
	for fs in $FILESYSTEMS; do
		for kind in cold hot whole late shared size lost gone foreign; do
			claim "$fs: verify finds what is wrong: $kind" verify_finds "$kind" "$fs" "$epoch"
		done
	done
	clear_all
	for fs in $FILESYSTEMS; do
		claim "$fs: an orphan is noticed" orphan_is_noticed "$fs"
		claim "$fs: a wrong count is noticed" wrong_count_is_noticed "$fs"
	done
}

mkdir -p "$RESULTS/acks"
while [ $# -gt 0 ]; do
	step=$1
	shift
	case $step in
	fresh)
		for fs in $FILESYSTEMS; do
			space "$fs" >"$RESULTS/space.$fs"
		done
		;;
	check) after_crash "acknowledged is there" ;;
	lied) after_crash "lie is found" ;;
	clear) clear_all ;;
	spoil)
		spoil "$1"
		shift
		;;
	work | lie)
		[ "$failed" -eq 0 ] || break
		lie=()
		if [ "$step" = lie ]; then
			lie=(-l)
			# Else they make things durable by themselves, now and then.
			mount -o remount,commit=3600 /mnt/ext4
			echo 720000 >/proc/sys/fs/xfs/xfssyncd_centisecs
		fi
		# Not exec: it would inherit children.
		"$CRASH/work" "${lie[@]}" "$1" "$2" "$RESULTS" || die "the work ended by itself"
		;;
	*) die "no step '$step'" ;;
	esac
done
[ "$failed" -eq 0 ]
