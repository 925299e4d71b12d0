#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make vm: the guest, set up as for the tests, with a shell, or with CMD run in it.
. "$(dirname "$0")/lib.sh"

explained
"$TOP/scripts/prepare.sh"
if [ -n "${CMD:-}" ]; then
	exec "$TOP/scripts/vm" -- /src/scripts/guest/setup.sh bash -c "$CMD"
fi
exec "$TOP/scripts/vm" -i -- /src/scripts/guest/setup.sh bash -l
