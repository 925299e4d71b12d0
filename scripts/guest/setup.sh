#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Make the guest ready for tests, then run a command there:
#
#   setup.sh [--no-module] COMMAND...
#
# /mnt/ext4 and /mnt/xfs are DAX mounts on NVDIMMs, /mnt/nodax is an ext4 that
# is not DAX, rxe0 is a software RDMA device.  daxlease.ko and the test device
# are loaded unless --no-module says not to.
. "$(dirname "$0")/lib.sh"

modules=1
if [ "${1:-}" = --no-module ]; then
	modules=
	shift
fi

export DAXLEASE_EXT4=/mnt/ext4 DAXLEASE_EXT4_DEV=/dev/pmem0
export DAXLEASE_XFS=/mnt/xfs DAXLEASE_XFS_DEV=/dev/pmem1
export DAXLEASE_NODAX=/mnt/nodax DAXLEASE_RXE=rxe0

STATX_ATTR_DAX=$((0x00200000))

# In DAX mode for real: the mount option is there and so is a file's attribute.
verify_dax() {
	local dir=$1 attributes
	findmnt -n -o OPTIONS "$dir" | grep -q 'dax=always' || die "$dir is not mounted with dax=always"
	: >"$dir/.dax"
	attributes=$(xfs_io -c "statx -r" "$dir/.dax" | awk '$1 == "stat.attributes" {print $3}')
	rm "$dir/.dax"
	[ $((attributes & STATX_ATTR_DAX)) -ne 0 ] || die "a file in $dir is not DAX"
}

# Pages of the namespace need struct pages; they go to memory, not to the media.
for n in 0 1; do
	quiet "make namespace$n.0 fsdax" ndctl create-namespace -f -e "namespace$n.0" \
		--mode=fsdax --map=mem
	[ -b "/dev/pmem$n" ] || die "there is no /dev/pmem$n"
done

mkdir -p "$DAXLEASE_EXT4" "$DAXLEASE_XFS" "$DAXLEASE_NODAX"
quiet "make an ext4" mkfs.ext4 -q -F "$DAXLEASE_EXT4_DEV"
quiet "make an xfs" mkfs.xfs -q -f "$DAXLEASE_XFS_DEV"
quiet "mount the ext4" mount -t ext4 -o dax=always "$DAXLEASE_EXT4_DEV" "$DAXLEASE_EXT4"
quiet "mount the xfs" mount -t xfs -o dax=always "$DAXLEASE_XFS_DEV" "$DAXLEASE_XFS"
verify_dax "$DAXLEASE_EXT4"
verify_dax "$DAXLEASE_XFS"

truncate -s 64M /tmp/nodax.img
quiet "make a plain ext4" mkfs.ext4 -q -F /tmp/nodax.img
quiet "mount the plain ext4" mount -o loop /tmp/nodax.img "$DAXLEASE_NODAX"

ip link add d0 type dummy
ip address add 192.0.2.1/24 dev d0
ip link set d0 up
quiet "make $DAXLEASE_RXE" rdma link add "$DAXLEASE_RXE" type rxe netdev d0
[ -c /dev/infiniband/uverbs0 ] || die "there is no /dev/infiniband/uverbs0"

if [ -n "$modules" ]; then
	load_daxlease
	load_testdev
fi

exec "$@"
