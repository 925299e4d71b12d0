#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make soak: all set-up, then the stress test in the guest for MINUTES, each
# round with another seed.  SEED= is the first one.
. "$(dirname "$0")/lib.sh"

MINUTES=${MINUTES:-60}
SEED=${SEED:-$(date +%s)}

explained
[[ $MINUTES =~ ^[0-9]+$ && $SEED =~ ^[0-9]+$ ]] || die "MINUTES= and SEED= must be numbers"
lock_build
"$TOP/scripts/prepare.sh"
say "soak: $MINUTES minutes, first seed $SEED"
# The last round may take longer.
exec "$TOP/scripts/vm" -t $((MINUTES * 60 + 7200)) -- /src/scripts/guest/setup.sh \
	/src/scripts/guest/soak.sh "$MINUTES" "$SEED"
