#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make demo: all set-up, then the main job in the guest.
. "$(dirname "$0")/lib.sh"

explained
lock_build
"$TOP/scripts/prepare.sh"
exec "$TOP/scripts/vm" -- /src/scripts/guest/setup.sh --no-module /src/scripts/guest/demo.sh
