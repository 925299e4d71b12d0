#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make soak-kill: all set-up, then CYCLES kills in mid-transfer in the guest.
. "$(dirname "$0")/lib.sh"

export CYCLES=${CYCLES:-1000}

explained
lock_build
"$TOP/scripts/prepare.sh"
exec "$TOP/scripts/vm" -t $((600 + CYCLES * 10)) -- /src/scripts/guest/setup.sh \
	/src/scripts/guest/soak-kill.sh
