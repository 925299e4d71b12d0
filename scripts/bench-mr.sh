#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make bench-mr: all set-up, then compare the registration of anonymous memory
# with the module out and in.
. "$(dirname "$0")/lib.sh"

explained
lock_build
"$TOP/scripts/prepare.sh"
exec "$TOP/scripts/vm" -- /src/scripts/guest/setup.sh --no-module \
	/src/scripts/guest/bench-mr.sh
