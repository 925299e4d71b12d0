#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the build root: apply patches, in order, to the source tree in the
# current directory.
#
#   series-apply.sh PATCH_DIRECTORY PATCH...
set -euo pipefail

dir=$1
shift
series=("$@")
paths=("${series[@]/#/$dir/}")

# Exact context: a patch that lands by guessing is a patch that lands wrong.
patch=(patch -p1 -F0 --no-backup-if-mismatch)

# How many of the series the tree already carries: the longest beginning of the
# series that can be taken back, last patch first, on a copy of what it touches.
already() {
	local count copy i
	for ((count = ${#series[@]}; count > 0; count--)); do
		"${patch[@]}" -R -f --dry-run -s <"$dir/${series[count - 1]}" >/dev/null 2>&1 || continue
		copy=$(mktemp -d)
		sed -n 's,^[-+][-+][-+] [ab]/\([^\t]*\).*,\1,p' "${paths[@]:0:count}" |
			sort -u | while read -r file; do
			[ ! -e "$file" ] || cp --parents "$file" "$copy"
		done
		for ((i = count; i > 0; i--)); do
			(cd "$copy" && "${patch[@]}" -R -f -s <"$dir/${series[i - 1]}") >/dev/null 2>&1 || break
		done
		rm -rf "$copy"
		[ "$i" -ne 0 ] || break
	done
	echo "$count"
}

first=$(already)
for ((n = 0; n < first; n++)); do
	echo "series: ${series[n]}: already applied"
done
for ((n = first; n < ${#series[@]}; n++)); do
	if ! "${patch[@]}" -N -f <"$dir/${series[n]}"; then
		echo "series: ${series[n]} does not apply"
		exit 1
	fi
	echo "series: ${series[n]}: applied"
done
