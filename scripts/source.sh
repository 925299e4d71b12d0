#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Phase source: the kernel's source, unpacked.  Debian's package of whichever
# 7.3.y is to be had, or a copy of the tree that KSRC= names.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cache.sh"
. "$(dirname "$0")/keys.sh"

MIRROR=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
PACKAGE=linux-source-$KERNEL_SERIES

check_version() {
	local version
	version=$(awk '/^(VERSION|PATCHLEVEL|SUBLEVEL) =/ {v = v (v ? "." : "") $3} END {print v}' \
		"$1/Makefile")
	case $version in
	"$KERNEL_SERIES" | "$KERNEL_SERIES".*) say "source: Linux $version" ;;
	*) die "this is Linux $version; the series is for $KERNEL_SERIES.y" ;;
	esac
}

from_ksrc() {
	run_logged source-copy cp -a --reflink=auto "$KSRC/." "$1/"
}

from_package() {
	mv "$fetched"/*.deb "$1"
	run_logged source-unpack "$TOP/scripts/inroot.sh" "$(root_dir)" \
		-b "$1:/scratch" -C /scratch -- bash -euc '
			dpkg-deb --fsys-tarfile ./*.deb | tar -x
			tar -xJf usr/src/linux-source-*.tar.xz --strip-components=1
			rm -rf ./*.deb usr/src usr/share'
	check_version "$1"
}

phase source "Linux $KERNEL_SERIES.y" \
	"check that $MIRROR can be reached, or set KSRC= to a clean kernel.org tree of $KERNEL_SERIES.y"

if [ -n "${KSRC:-}" ]; then
	[ -f "$KSRC/Makefile" ] || die "KSRC=$KSRC is not a kernel source tree"
	[ ! -e "$KSRC/.config" ] || die "KSRC=$KSRC was built in place; run 'make mrproper' there"
	check_version "$KSRC"
	cache_make linux "$(source_key)" from_ksrc
	exit
fi

if [ -n "$(source_key)" ] && [ -z "${UPDATE:-}" ]; then
	say "source: cached in $(source_dir)"
	check_version "$(source_dir)"
	exit
fi

# The version, and so the key, is known once the package is here.
mkdir -p "$CACHE/tmp"
exec {fetching}>"$(cache_lockfile linux fetch)"
wait_lock "$fetching" "another run that fetches the source"
if [ -n "$(source_key)" ] && [ -z "${UPDATE:-}" ]; then
	exit
fi
fetched=$CACHE/tmp/linux.fetch.$$
rm -rf "$CACHE"/tmp/linux.fetch.*
mkdir "$fetched"
say "source: fetching Debian's $PACKAGE, about 160 MB"
run_logged source-fetch "$TOP/scripts/inroot.sh" "$(root_dir)" -b "$fetched:/scratch" \
	-r "$TOP/scripts:/src" -C /scratch -- /src/source-fetch.sh "$MIRROR" "$PACKAGE"
version=$(basename "$fetched"/*.deb | cut -d _ -f 2 | sed 's/^[0-9]*%3a//')
cache_make linux "$version" from_package
rm -rf "$fetched"
