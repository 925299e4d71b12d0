#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Say on standard output which accelerator boots this kernel: kvm or tcg.
# /dev/kvm can exist, create a vCPU and still hang (nested guests do), so the
# only probe that counts is to boot.  The verdict holds until the host boots.
#
#   kvm-probe.sh KERNEL INITRAMFS
. "$(dirname "$0")/lib.sh"

kernel=$1
initramfs=$2
limit=${KVM_PROBE_SECONDS:-20}

if [ ! -w /dev/kvm ]; then
	echo tcg
	exit
fi

mkdir -p "$CACHE"
verdict=$CACHE/kvm-$(cat /proc/sys/kernel/random/boot_id)
if [ ! -s "$verdict" ]; then
	say "vm: does KVM boot a guest here? trying for up to $limit s" >&2
	log=$LOGDIR/kvm-probe.log
	timeout -k 1 "$limit" qemu-system-x86_64 -machine q35 -accel kvm -cpu host -smp 2 -m 512M \
		-nodefaults -display none -no-reboot -serial "file:$log" \
		-kernel "$kernel" -initrd "$initramfs" \
		-append "console=ttyS0 panic=-1 daxlease.probe" >/dev/null 2>&1 </dev/null || true
	rm -f "$CACHE"/kvm-*
	if grep -q daxlease-probe-booted "$log"; then
		echo kvm >"$verdict.$$"
	else
		echo tcg >"$verdict.$$"
	fi
	mv "$verdict.$$" "$verdict"
	say "vm: it is $(cat "$verdict")" >&2
fi
cat "$verdict"
