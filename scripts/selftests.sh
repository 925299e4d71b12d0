#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Phase selftests: the test programs, in build/selftests/.
#
#   selftests.sh [TARGET]       gup_test: the kernel's, which only 'make bench' needs
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cache.sh"
. "$(dirname "$0")/keys.sh"

phase selftests "the test programs" \
	"look for the first 'error' in the log; 'make selftests' runs up to this phase only"
cache_use root "$(root_key)"
cache_use kernel "$(kernel_key)"
mkdir -p "$BUILD/selftests"
run_logged selftests "$TOP/scripts/inroot.sh" "$(root_dir)" -r "$(tree_dir):/ksrc" \
	-r "$(kernel_dir):/kbuild" -r "$TOP:/src" -b "$BUILD/selftests:/out" \
	-C /src -- make -C selftests KSRC=/ksrc "KHDR_INCLUDES=-isystem /kbuild/usr/include" \
	OUT=/out "-j$JOBS" "${1:-all}"
