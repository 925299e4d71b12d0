#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Phase tools: the daxlease command and the examples, in build/tools/release/.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cache.sh"
. "$(dirname "$0")/keys.sh"

phase tools "the daxlease command, the examples" \
	"see the log; crates come from crates.io through CARGO_HOME=$CACHE/cargo"
cache_use root "$(root_key)"
mkdir -p "$CACHE/cargo" "$BUILD/tools"
[ -e "$TOP/tools/daxlease/Cargo.toml" ] || die "tools/daxlease/Cargo.toml is not there"

# build NAME DIRECTORY COMMAND...
build() {
	local name=$1 dir=$2
	shift 2
	run_logged "$name" "$TOP/scripts/inroot.sh" "$(root_dir)" -r "$TOP:/src" \
		-b "$BUILD/tools:/out" -b "$CACHE/cargo:/cargo" -e CARGO_HOME=/cargo \
		-e CARGO_TARGET_DIR=/out -C "/src/$dir" -- "$@"
}

build tools tools/daxlease cargo build --release --locked
build tools-give-way-rs tools/examples/give-way-rs cargo build --release --locked
build tools-give-way-c tools/examples/give-way-c make OUT=/out/release
