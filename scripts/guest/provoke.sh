#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Do all that the debug kernel is to complain about, and end well, if at all: the
# last one hangs, which is to be the end of the guest.
. "$(dirname "$0")/lib.sh"

echo 5 >/proc/sys/kernel/hung_task_timeout_secs
for kind in warn sleep rcu object lock kasan hung; do
	insmod "$MODULES/provoke/daxlease_provoke.ko" "kind=$kind" 2>/dev/null || true
done
