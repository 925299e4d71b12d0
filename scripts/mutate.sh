#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make mutate: all set-up, then show that the tests notice a disabled protection.
. "$(dirname "$0")/lib.sh"

explained
lock_build
"$TOP/scripts/prepare.sh"
# A device that writes where it must not may well make the kernel complain.
exec "$TOP/scripts/vm" -w -- /src/scripts/guest/setup.sh /src/scripts/guest/mutate.sh
