#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make model: the build root, then all searches of the model of the protocol.
#
#   model.sh [-s]	-s leaves out some of the longer ones
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cache.sh"
. "$(dirname "$0")/keys.sh"

lock_build
"$TOP/scripts/prepare.sh" root || {
	explained
	exit 1
}
cache_use root "$(root_key)"
phase model "spin searches all states of the protocol, for some minutes" ""
mkdir -p "$BUILD/model"
explained
"$TOP/scripts/inroot.sh" "$(root_dir)" -r "$TOP:/src" -b "$BUILD/model:/out" \
	-C /out -- /src/selftests/model/run.sh "$@" /out
