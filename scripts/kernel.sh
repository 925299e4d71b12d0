#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Phase kernel: the guest's kernel, in FLAVOUR plain, debug, or stock, which is the
# source without the series, for 'make bench' to compare with.  With --cached: say by
# the status whether it is there, and do nothing.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cache.sh"
. "$(dirname "$0")/keys.sh"

if [ "${1:-}" = --cached ]; then
	explained
	[ -d "$(kernel_dir)" ]
	exit
fi

build_kernel() {
	local fragments
	mapfile -t fragments < <(kernel_fragments | sed "s,^$TOP/,/src/,")
	mkdir -p "$CACHE/ccache"
	say "kernel: building; about 15 minutes on two cores the first time"
	run_logged "kernel-$FLAVOUR" "$TOP/scripts/inroot.sh" "$(root_dir)" \
		-r "$(kernel_source_dir):/ksrc" -b "$1:/kbuild" -r "$TOP:/src" -b "$CACHE/ccache:/ccache" \
		-- /src/scripts/kernel/build.sh "$JOBS" "${fragments[@]}"
}

phase kernel "Linux with Rust, FLAVOUR=$FLAVOUR" \
	"look for the first 'error' in the log; 'make kernel FLAVOUR=$FLAVOUR' runs up to this phase only"
cache_make kernel "$(kernel_key)" build_kernel
cache_trim kernel 4
