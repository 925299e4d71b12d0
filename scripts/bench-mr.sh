#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make bench-mr: all set-up, then compare the registration of anonymous memory
# with the module out and in, in a guest whose clock counts instructions, which is
# repeatable to a fraction of a per cent, and in one whose clock tells time.
. "$(dirname "$0")/lib.sh"

explained
lock_build
"$TOP/scripts/prepare.sh"
bench=(/src/scripts/guest/setup.sh --no-module /src/scripts/guest/bench-mr.sh)
"$TOP/scripts/vm" -n -- "${bench[@]}" "nanoseconds of a clock that counts instructions" 4 51
exec "$TOP/scripts/vm" -- "${bench[@]}" "nanoseconds" 10 51
