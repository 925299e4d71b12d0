#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Make the guest ready for tests, then run a command there:
#
#   setup.sh [--no-module] [--keep] COMMAND...
#
# /mnt/ext4 and /mnt/xfs are DAX mounts on NVDIMMs, a third NVDIMM is device DAX,
# /mnt/nodax is an ext4 that is not DAX, rxe0 is a software RDMA device.
# daxlease.ko and the test device are loaded unless --no-module says not to.
# --keep takes the namespaces and filesystems that an earlier guest made.
. "$(dirname "$0")/lib.sh"

modules=1
keep=
while :; do
	case ${1:-} in
	--no-module) modules= ;;
	--keep) keep=1 ;;
	*) break ;;
	esac
	shift
done

export DAXLEASE_EXT4=/mnt/ext4 DAXLEASE_XFS=/mnt/xfs DAXLEASE_NODAX=/mnt/nodax
export DAXLEASE_RXE=rxe0 DAXLEASE_NETDEV=d0 DAXLEASE_MODULES=$MODULES

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

# The kernel numbers the NVDIMMs as it likes: the small one is for device DAX.
# Struct pages go to memory (--map=mem), not to the media.
make_namespaces() {
	local namespace mode
	for namespace in /sys/bus/nd/devices/namespace[0-9].0; do
		mode=fsdax
		[ "$(cat "$namespace/size")" -gt $((256 << 20)) ] || mode=devdax
		quiet "make a namespace $mode" ndctl create-namespace -f -e "$(basename "$namespace")" \
			"--mode=$mode" --map=mem
	done
}

[ -n "$keep" ] || make_namespaces
devices=(/dev/pmem*)
[ ${#devices[@]} -eq 2 ] || die "expected two pmem block devices: ${devices[*]}"
# Another guest may have numbered them the other way round.
if [ -n "$keep" ] && [ "$(blkid -o value -s TYPE "${devices[0]}")" = xfs ]; then
	devices=("${devices[1]}" "${devices[0]}")
fi
export DAXLEASE_EXT4_DEV=${devices[0]} DAXLEASE_XFS_DEV=${devices[1]}

mkdir -p "$DAXLEASE_EXT4" "$DAXLEASE_XFS" "$DAXLEASE_NODAX"
if [ -z "$keep" ]; then
	quiet "make an ext4" mkfs.ext4 -q -F "$DAXLEASE_EXT4_DEV"
	# With all that changes layouts: reflink, exchange-range, online repair.
	quiet "make an xfs" mkfs.xfs -q -f -m reflink=1,rmapbt=1 -i exchange=1 "$DAXLEASE_XFS_DEV"
fi
quiet "mount the ext4" mount -t ext4 -o dax=always "$DAXLEASE_EXT4_DEV" "$DAXLEASE_EXT4"
quiet "mount the xfs" mount -t xfs -o dax=always "$DAXLEASE_XFS_DEV" "$DAXLEASE_XFS"
verify_dax "$DAXLEASE_EXT4"
verify_dax "$DAXLEASE_XFS"

truncate -s 64M /tmp/nodax.img
quiet "make a plain ext4" mkfs.ext4 -q -F /tmp/nodax.img
quiet "mount the plain ext4" mount -o loop /tmp/nodax.img "$DAXLEASE_NODAX"

ip link add "$DAXLEASE_NETDEV" type dummy
ip address add 192.0.2.1/24 dev "$DAXLEASE_NETDEV"
ip link set "$DAXLEASE_NETDEV" up
quiet "make $DAXLEASE_RXE" rdma link add "$DAXLEASE_RXE" type rxe netdev "$DAXLEASE_NETDEV"
[ -c /dev/infiniband/uverbs0 ] || die "there is no /dev/infiniband/uverbs0"

if [ -n "$modules" ]; then
	load_daxlease
	load_testdev
	load_inject
fi
# For names of tasks, tracing hooks into the scheduler, and patches its code when it
# is switched on and off.  Emulated processors have been seen to trip over that.
echo 0 >/sys/kernel/tracing/options/record-cmd
# Once is enough for the modules' suites; tests load them again and again.
echo none >/sys/module/kunit/parameters/filter_glob

exec "$@"
