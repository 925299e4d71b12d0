#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
#   run.sh short|full BENCHMARK...
#
# Run benchmarks, each by its script here, in the guest that setup.sh made ready
# without the module.  One that fails does not keep the others from running.
. "$(dirname "$0")/../lib.sh"

length=$1
shift
failed=0
for name in "$@"; do
	begun=$SECONDS
	echo "bench: $name ($length)"
	if ! "$(dirname "$0")/$name.sh" "$length"; then
		echo "bench: $name FAILED"
		failed=1
	fi
	echo "bench: $name took $((SECONDS - begun)) s of the guest's clock"
done
exit "$failed"
