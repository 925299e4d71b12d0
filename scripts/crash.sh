#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make crash: all set-up, then CYCLES guests that are killed at work.
. "$(dirname "$0")/lib.sh"

explained
lock_build
"$TOP/scripts/prepare.sh"
exec "$TOP/scripts/crash-cycles.sh"
