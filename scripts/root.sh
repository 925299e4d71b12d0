#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Phase root: a Debian root that serves to build everything and, over 9p, as
# the guest's root file system.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cache.sh"
. "$(dirname "$0")/keys.sh"

SUITE=trixie
MIRROR=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

# The hooks get the new root as $1.
# shellcheck disable=SC2016
make_root() {
	local tmp=$1 packages
	packages=$(grep -v '^#' "$TOP/scripts/root.packages" | grep . | paste -sd,)
	say "root: about a minute and 600 MB of downloads from $MIRROR"
	# A private mount namespace: whatever happens, no mount survives.
	run_logged root unshare --mount --propagation private -- \
		mmdebstrap --mode=root --variant=apt --include="$packages" \
		--aptopt='Acquire::Retries "3"' \
		--customize-hook='for d in '"$MOUNT_POINTS"'; do mkdir -p "$1/$d"; done' \
		--customize-hook='chroot "$1" dpkg-query -W clang-19 lld-19 rustc bindgen pahole >"$1/etc/daxlease-compilers"' \
		--customize-hook='touch "$1/etc/resolv.conf"' \
		"$SUITE" "$tmp/" \
		"deb $MIRROR $SUITE main" "deb $MIRROR $SUITE-backports main"
}

phase root "Debian $SUITE root for building and for the guest" \
	"check that $MIRROR can be reached (DEBIAN_MIRROR=, http_proxy=), then run the same command again"
cache_make root "$(root_key)" make_root
cache_trim root 2
