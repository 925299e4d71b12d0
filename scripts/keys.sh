# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What determines each cache entry.  Source it after lib.sh and cache.sh.

# Directories in the root where inroot.sh and the guest mount things.
MOUNT_POINTS="src out ksrc kbuild scratch cargo ccache results"

root_key() {
	{
		cat "$TOP/scripts/root.packages" "$TOP/scripts/root.sh"
		echo "$MOUNT_POINTS"
	} | sha
}

root_dir() {
	cache_path root "$(root_key)"
}

# A tree that the user names is known by the names, sizes and times of its files.
if [ -n "${KSRC:-}" ] && [ -z "${DAXLEASE_KSRC_KEY:-}" ]; then
	KSRC=$(realpath "$KSRC")
	DAXLEASE_KSRC_KEY=ksrc-$(cd "$KSRC" && find . -name .git -prune -o -type f \
		-printf '%P %s %T@\n' | sort | sha)
	export KSRC DAXLEASE_KSRC_KEY
fi

# The kernel source before the series.  Without KSRC=: the newest one cached;
# 'make source UPDATE=1' looks for a newer one.
source_key() {
	if [ -n "${KSRC:-}" ]; then
		echo "$DAXLEASE_KSRC_KEY"
	else
		find "$CACHE/linux" -mindepth 1 -maxdepth 1 -name "$KERNEL_SERIES.*" \
			-printf '%f\n' 2>/dev/null | sort -V | tail -n 1
	fi
}

source_dir() {
	cache_path linux "$(source_key)"
}

series_files() {
	find "$TOP/patches/linux-$KERNEL_SERIES" -name '*.patch' 2>/dev/null | sort
}

# The source with the series applied.
tree_key() {
	{
		cat "$TOP/scripts/series-apply.sh"
		series_files | xargs -r cat
	} | sha | sed "s/^/$(source_key)-/"
}

tree_dir() {
	cache_path tree "$(tree_key)"
}

# What FLAVOUR=stock is built from: no patch, and so without the option that they add.
stock_fragment() {
	local config=$BUILD/stock/plain.config
	mkdir -p "$BUILD/stock"
	grep -v '^CONFIG_LAYOUT_LEASE=' "$TOP/scripts/kernel/plain.config" >"$config"
	echo "$config"
}

kernel_fragments() {
	case $FLAVOUR in
	stock) stock_fragment ;;
	plain) echo "$TOP/scripts/kernel/plain.config" ;;
	debug) printf '%s\n' "$TOP/scripts/kernel/plain.config" "$TOP/scripts/kernel/debug.config" ;;
	esac
}

kernel_source_key() {
	case $FLAVOUR in
	stock) source_key ;;
	*) tree_key ;;
	esac
}

kernel_source_dir() {
	case $FLAVOUR in
	stock) source_dir ;;
	*) tree_dir ;;
	esac
}

# The built kernel: source, configuration, compilers, and how it is built.
kernel_key() {
	{
		kernel_source_key
		kernel_fragments | xargs cat
		cat "$(root_dir)/etc/daxlease-compilers"
		cat "$TOP/scripts/kernel/build.sh"
	} | sha | sed "s/^/$FLAVOUR-/"
}

kernel_dir() {
	cache_path kernel "$(kernel_key)"
}
