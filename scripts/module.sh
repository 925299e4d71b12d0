#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Phase module: daxlease.ko and the selftests' own modules, against the guest's
# kernel.  The checkout stays clean: everything lands in build/FLAVOUR/NAME/.
#
#   module.sh [bench]       bench: those that only 'make bench' needs
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cache.sh"
. "$(dirname "$0")/keys.sh"

# directory in the checkout:name of what is built
MODULES=".:daxlease"
for name in testdev mutate inject provoke; do
	MODULES+=" selftests/$name:$name"
done
[ "${1:-}" != bench ] || MODULES=".:bench selftests/bench/scan:scan"

# A build directory made for one kernel is no use for another one.
fresh_for_kernel() {
	local dir=$1
	if [ "$(cat "$dir/.kernel" 2>/dev/null)" != "$(kernel_key)" ]; then
		rm -rf "$dir"
		mkdir -p "$dir"
		kernel_key >"$dir/.kernel"
	fi
}

phase module "daxlease.ko and the test modules, FLAVOUR=$FLAVOUR" \
	"look for the first 'error' in the log; 'make module' runs up to this phase only"
[ "$FLAVOUR" != stock ] || die "the kernel FLAVOUR=stock has no hooks for a module"
cache_use root "$(root_key)"
cache_use kernel "$(kernel_key)"
for module in $MODULES; do
	src=${module%%:*}
	name=${module##*:}
	if [ ! -e "$TOP/$src/Kbuild" ]; then
		say "module: no $src/Kbuild, skipping $name"
		continue
	fi
	out=$BUILD/$FLAVOUR/$name
	variables=()
	[ "$name" != bench ] || variables=(DAXLEASE_BENCH=y)
	fresh_for_kernel "$out"
	run_logged "module-$name-$FLAVOUR" "$TOP/scripts/inroot.sh" "$(root_dir)" \
		-r "$(tree_dir):/ksrc" -r "$(kernel_dir):/kbuild" -r "$TOP:/src" -b "$out:/out" \
		-- make -C /kbuild "M=$(realpath -m "/src/$src")" MO=/out LLVM=1 "-j$JOBS" "${variables[@]}" modules
	if grep -n 'warning:' "$LOG"; then
		die "the compiler warns"
	fi
	# What Kbuild makes anew in a kernel that was built in its source tree: the second
	# 'make KDIR=' against such a kernel would fail.
	if grep -l '/kbuild/.*generated_arch' "$out"/{,*/}.*.cmd 2>/dev/null; then
		die "a module must not depend on that"
	fi
done
