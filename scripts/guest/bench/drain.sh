#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The truncates of truncate.sh in a leased file, with each of them waiting for a grace
# period.  On one processor there is next to nothing to wait for.
. "$(dirname "$0")/lib.sh"

# By the numbers of the benchmark module's parameter.
DRAINS="leased rcu rcu_expedited srcu srcu_expedited"

module_is bench
for round in $(seq "$(rounds 3 11)"); do
	for fs in $FILESYSTEMS; do
		number=0
		for drain in $DRAINS; do
			echo "$number" >/sys/module/daxlease/parameters/drain
			measure bench-truncate drain "$(mount_of "$fs")" "$fs" "$drain" "$round" leased
			number=$((number + 1))
		done
	done
done
