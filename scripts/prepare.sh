#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Run the phases in order, up to and including the one named.
#
#   prepare.sh PHASE
. "$(dirname "$0")/lib.sh"

PHASES="host root source series kernel module tools selftests initramfs"

upto=${1:-initramfs}
case " $PHASES " in
*" $upto "*) ;;
*) die "no phase '$upto'; there are: $PHASES" ;;
esac

lock_build
for step in $PHASES; do
	# A phase has said itself what went wrong.
	"$TOP/scripts/$step.sh" || {
		explained
		exit 1
	}
	[ "$step" != "$upto" ] || break
done
