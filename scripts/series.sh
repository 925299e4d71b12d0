#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Phase series: a copy of the source with patches/linux-7.3/*.patch applied in
# order.  A patch that does not apply ends the run.  A tree that already carries
# the first patches of the series (or all) gets only the rest.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cache.sh"
. "$(dirname "$0")/keys.sh"

# apply_series TREE: hard links to the unpatched source; patch replaces the
# files that it changes, so the links of the others stay true.
apply_series() {
	local tree=$1 patches
	cp -al "$(source_dir)/." "$tree/"
	rm -f "$tree/.daxlease-used"
	mapfile -t patches < <(series_files | xargs -r -n 1 basename)
	[ ${#patches[@]} -gt 0 ] || say "series: no patches in patches/linux-$KERNEL_SERIES: stock source"
	run_logged series "$TOP/scripts/inroot.sh" "$(root_dir)" -b "$tree:/scratch" \
		-r "$TOP/patches/linux-$KERNEL_SERIES:/src" -r "$TOP/scripts:/out" \
		-C /scratch -- /out/series-apply.sh /src "${patches[@]}"
	sed -n "/^series: /s/^/[$(elapsed)] /p" "$LOGDIR/series.log"
}

phase series "patches/linux-$KERNEL_SERIES onto $(source_key)" \
	"see which hunk failed; the series is made for 7.3.4, a newer 7.3.y may need it refreshed"
cache_use linux "$(source_key)"
cache_make tree "$(tree_key)" apply_series
cache_trim tree 4
cache_trim linux 2
