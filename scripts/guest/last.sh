#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests after which the guest is of no use: whoever called this throws it away.
. "$(dirname "$0")/lib.sh"

# Unmounting is of no use, either; see init.
touch /run/leave-mounted

cd "$OUT/selftests"
timeout -k 10 900 ./last/unbind

# A kernel that panics on hung tasks would, on what comes now.
[ "$(cat /proc/sys/kernel/hung_task_panic 2>/dev/null || echo 0)" -eq 0 ] || exit 0

# Pins are not taken back: who unbinds the device waits then, and the test of it
# must say so, by its time limit.
quiet "load the mutation" insmod "$MODULES/mutate/daxlease_mutate.ko" \
	func=__layout_lease_device_gone
for fs in ext4 xfs; do
	timeout -k 10 300 ./last/unbind -f dax -v "$fs" -t a_revocable_pin_is_taken_back \
		>"/tmp/$fs" 2>&1 &
done
wait
for fs in ext4 xfs; do
	sed 's/^/    /' "/tmp/$fs"
	grep -q "^not ok .*$fs.a_revocable_pin_is_taken_back" "/tmp/$fs" ||
		die "$fs: the test of pins that are taken back passes where they are not"
	echo "ok - last: on $fs it is noticed when pins are not taken back"
done
