#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Kill the guest (SIGKILL for QEMU) at a random moment of its work, boot another
# one on the same NVDIMMs, let it check what is left, and so on.
#
#   crash-cycles.sh       CYCLES times (50), and then a last check
#   crash-cycles.sh -s    in short: two kills as above, one after work that
#                         acknowledges without fsync; the checks must find that,
#                         and each thing that is made wrong in the end
#
# One kill in about six is counted from the guest's start, so that it hits
# recovery and checks.  SEED repeats the moments and the choices of each process;
# what these meet when is a matter of scheduling.
. "$(dirname "$0")/lib.sh"

CYCLES=${CYCLES:-50}
SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
MOMENT_MS=5000

dir=$BUILD/$FLAVOUR/crash
setup=/src/scripts/guest/setup.sh
steps=/src/scripts/guest/crash.sh

phase crash "the guest is killed at work; SEED=$SEED" \
	"look at what is left: scripts/vm -p $dir/pmem -o $dir/results -i -- $setup --keep bash -l"
RANDOM=$((SEED % 32768))
rm -rf "$dir"
mkdir -p "$dir"

vm() {
	"$TOP/scripts/vm" -p "$dir/pmem" -o "$dir/results" "$@" || die "SEED=$SEED"
	[ ! -s "$dir/results/problems" ] ||
		die "the work went wrong, SEED=$SEED: $(cat "$dir/results/problems")"
}

# killed COMMAND...: a guest that is killed some time after it is at work.
killed() {
	local ms=$((RANDOM % MOMENT_MS))
	say "crash: a kill after $ms ms of work"
	vm -k "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))" -- "$@"
}

# killed_early COMMAND...: the same, after its start.
killed_early() {
	local ms=$((RANDOM % (2 * MOMENT_MS)))
	say "crash: a kill after $ms ms of recovery and checks"
	# shellcheck disable=SC2016 # expanded in the guest
	vm -k "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))" -- \
		bash -c ': >/results/ready; exec "$@"' early "$@"
}

short_form() {
	killed "$setup" "$steps" fresh work 1 "$SEED"
	killed "$setup" --keep "$steps" check clear lie 2 "$SEED"
	killed "$setup" --keep "$steps" lied clear work 3 "$SEED"
	vm -- "$setup" --keep "$steps" check spoil 3
}

long_form() {
	local n early
	killed "$setup" "$steps" fresh work 1 "$SEED"
	for ((n = 2; n <= CYCLES; n++)); do
		say "crash: $((n - 1)) of $CYCLES kills done"
		early=$((RANDOM % 6))
		if [ "$early" -eq 0 ]; then
			killed_early "$setup" --keep "$steps" check clear work "$n" "$SEED"
		else
			killed "$setup" --keep "$steps" check clear work "$n" "$SEED"
		fi
	done
	vm -- "$setup" --keep "$steps" check clear
}

if [ "${1:-}" = -s ]; then
	CYCLES=3
	short_form
else
	long_form
fi
awk '{cold += $7; hot += $10; whole += $13; gone += $16; faults += $2
		gave += $21; revoked += $25; inherited += $28}
	END {printf "checked: %d cold and %d hot pages, %d whole files, %d unlinked ones; %d faults\n",
		cold, hot, whole, gone, faults
		printf "breakable leases: %d pins let go, %d taken back, %d of their blocks in other files\n",
		gave, revoked, inherited}' "$dir/results/tally"
say "crash: $CYCLES kills, SEED=$SEED: nothing that was acknowledged is lost"
rm -rf "$dir"
