#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Make build/initramfs.cpio: busybox and guest/initrd-init.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cache.sh"
. "$(dirname "$0")/keys.sh"

image=$BUILD/initramfs.cpio

phase initramfs "the guest's first file system" "see the log"
if [ -e "$image" ] && [ -z "$(find "$0" "$TOP/scripts/guest/initrd-init" "$(root_dir)/bin/busybox" \
	-newer "$image")" ]; then
	exit
fi
run_logged initramfs "$TOP/scripts/inroot.sh" "$(root_dir)" -r "$TOP:/src" -b "$BUILD:/out" \
	-C /tmp -- bash -euc '
		mkdir -p bin proc sys dev
		cp /bin/busybox bin/
		install -m 755 /src/scripts/guest/initrd-init init
		mknod -m 600 dev/console c 5 1
		find bin proc sys dev init | cpio -o -H newc >/out/initramfs.cpio.new
		mv /out/initramfs.cpio.new /out/initramfs.cpio'
