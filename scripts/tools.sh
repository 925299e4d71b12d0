#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Phase tools: the daxlease command and the examples, in build/tools/release/; manual
# pages and completions of the command, where a package has them, in build/tools/share/.
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
# shellcheck disable=SC2016 # expanded in the root
build tools-share tools/daxlease bash -euc '
	cd /out
	rm -rf share
	mkdir -p share/man/man1 share/bash-completion/completions share/zsh/vendor-completions \
		share/fish/vendor_completions.d
	release/daxlease gen-man share/man/man1
	release/daxlease completions bash >share/bash-completion/completions/daxlease
	release/daxlease completions zsh >share/zsh/vendor-completions/_daxlease
	release/daxlease completions fish >share/fish/vendor_completions.d/daxlease.fish'
build tools-give-way-rs tools/examples/give-way-rs cargo build --release --locked
build tools-give-way-c tools/examples/give-way-c make OUT=/out/release
