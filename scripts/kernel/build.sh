#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the build root: configure the kernel in /ksrc from the fragments given
# and build it in /kbuild.  These two places are the same for every build, since
# a build directory is full of absolute paths and the cache renames it.
#
#   build.sh JOBS FRAGMENT...
set -euo pipefail

jobs=$1
shift

export CCACHE_DIR=/ccache CCACHE_NOHASHDIR=1 KBUILD_BUILD_USER=daxlease KBUILD_BUILD_HOST=root
make=(make -C /ksrc O=/kbuild LLVM=1 "CC=ccache clang" "-j$jobs")

"${make[@]}" tinyconfig
cp /kbuild/.config /kbuild/.config.tiny
/ksrc/scripts/kconfig/merge_config.sh -m -O /kbuild /kbuild/.config.tiny "$@"
"${make[@]}" olddefconfig
"${make[@]}" rustavailable

# An option that Kconfig dropped in silence is a test that tests nothing.
lost=0
while read -r want; do
	case $want in
	*=n) ! grep -q "^${want%=n}=[ym]" /kbuild/.config ;;
	*) grep -qx "$want" /kbuild/.config ;;
	esac || {
		echo "error: $want did not survive in .config"
		lost=1
	}
done < <(cat "$@" | grep -o '^CONFIG_[A-Z0-9_]*=.*')
[ "$lost" -eq 0 ] || exit 1

# Also the Module.symvers that external modules resolve against, and the headers
# that the selftests compile with (in /kbuild/usr/include).
"${make[@]}" bzImage modules headers
[ -s /kbuild/Module.symvers ]
