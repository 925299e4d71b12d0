#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Check the model with spin, exhaustively, and show that it finds what is wrong
# with each mutation.  One TAP line each.
#
#   run.sh [-s] DIRECTORY	where to work; what failed leaves its output there
#
# -s leaves out some of the longer searches.
set -euo pipefail

MODEL=$(cd "$(dirname "$0")" && pwd)
short=
if [ "$1" = -s ]; then
	short=1
	shift
fi
WORK=$1

# A search that would be deeper, need more megabytes or take more seconds fails.
DEPTH=5000000
MEMORY=5500
LIMIT=1500

count=0
failed=0

# result ok|not-ok TEXT
result() {
	count=$((count + 1))
	if [ "$1" = ok ]; then
		echo "ok $count - model: $2"
	else
		failed=$((failed + 1))
		cp log "failed-$count.log"
		echo "not ok $count - model: $2"
		sed 's/^/#   /' log | tail -n 25
	fi
}

# search safety|PROPERTY OPTIONS...: make the checker and run it; its output is in ./log.
search() {
	local property=$1 claim=(-DNOCLAIM -DSAFETY) args=("-m$DEPTH" -n)
	shift
	if [ "$property" != safety ]; then
		claim=(-DNFAIR=3)
		args+=(-a -f -N "$property")
	fi
	rm -f -- pan* ./*.trail log
	local TIMEFORMAT='cpu %U %S'
	{
		spin -a "$@" "$MODEL/protocol.pml" &&
			gcc "$OPTIMISE" -w "-DMEMLIM=$MEMORY" "${claim[@]}" -o pan pan.c &&
			time timeout "$LIMIT" ./pan "${args[@]}"
	} >log 2>&1 || echo "ended with status $?" >>log
}

# All states were searched, and nothing was left out for lack of depth, memory or time.
exhaustive() {
	grep -q '^Full statespace search for:' log &&
		! grep -q -i -E 'search not completed|depth too small|out of memory|MEMLIM|interrupted|ended with status' log
}

# What a search took, from its output.
figures() {
	awk '
		/ states, stored/ {states = $1}
		/total actual memory usage/ {memory = $1}
		/^cpu / {seconds = $2 + $3}
		END {printf "%d states, %d MB, %d s of CPU", states, memory, seconds}' log
}

# verify NAME safety|PROPERTY OPTIONS...
verify() {
	local name=$1
	shift
	search "$@"
	if exhaustive && grep -q 'errors: 0$' log; then
		result ok "$name: $(figures), no errors"
	else
		result not-ok "$name"
	fi
}

# What the search found wrong, in a line.
finding() {
	case $(grep -m 1 '^pan:1: ' log) in
	*'assertion violated  !('*) sed -n 's/^pan:1: assertion violated  !(\([A-Z_]*\)).*/\1/p' log ;;
	*'acceptance cycle'*) echo BREAK_NEVER_ENDS ;;
	*'invalid end state'*)
		# Where the processes are stuck, by the text of the statement.
		echo "DEADLOCK, $(stuck "$@" | sort -u | paste -sd';' | sed 's/;/; /g')"
		;;
	*) echo nothing ;;
	esac
}

# What processes wait for at the end of the trail: spin has the number of the
# state, and pan the statement that belongs to it.
stuck() {
	spin -t -k protocol.pml.trail "$@" "$MODEL/protocol.pml" 2>/dev/null |
		sed -n '/^#processes/,$p' | grep -v 'valid end state' |
		sed -n 's/.*proc .*(\([A-Za-z]*\):1).*(state \([0-9]*\)).*/\1 \2/p' |
		while read -r process state; do
			./pan -d | awk -v process="$process" -v state="$state" '
				/^proctype|^init|^claim/ {inside = $2 == process}
				inside && $1 == "state" && $2 == state {sub(/.* => /, process ": "); print}'
		done
}

# violated NAME PATTERN safety|PROPERTY OPTIONS...: only the violation that the
# pattern names will do.
violated() {
	local name=$1 pattern=$2 property=$3 found
	shift 3
	search "$property" "$@"
	found=$(finding "$@")
	if [[ $found =~ $pattern ]]; then
		result ok "$name: $found"
	else
		echo "expected: $pattern" >>log
		result not-ok "$name? found: $found"
	fi
}

# refute MUTATION PATTERN safety|PROPERTY OPTIONS...: MUTATION is one or several,
# joined by '+'.
refute() {
	local name=$1 pattern=$2 mutation
	shift 2
	for mutation in ${name//+/ }; do
		set -- "$@" "-D$mutation"
	done
	violated "mutation $name refuted" "$pattern" "$@"
}

mkdir -p "$WORK"
cd "$WORK"
rm -f failed-*.log

# Breakable leases that are there all the time; holders who let go when they are asked,
# where no deadline comes to help.
B=(-DBREAKABLE -DFIXED_LEASES)
ASKED=(-DNO_TIME -DCOOPERATES -DNO_REVOKE)

# Searches that mutations have in common with the one that finds nothing wrong.
BOTH=(-DFIXED_LEASES -DREMAP -DDIRECT_IO -DTHREAD)
BOTH_ENDS=(-DFIXED_LEASES -DREMAP -DLIVENESS=1)
BOTH_BREAKABLE=("${B[@]}" -DPIN_AT_ONCE -DUNPINS_AT_ONCE -DREMAP)
ACROSS=("${B[@]}" -DPIN_AT_ONCE -DUNPINS_AT_ONCE -DACROSS -DONE_EACH)
MMAP=(-DFIXED_LEASES -DFILES=1 -DTHREAD)
MMAP_ASKED=("${B[@]}" "${ASKED[@]}" -DFILES=1 -DUSES_THE_FILE -DTHREAD)

# Safety: no check fails, no deadlock.  Where there are few states, to have the checker
# optimised takes longer than it saves.
OPTIMISE=-O1
verify "2 pinners, 2 changes, 2 files, leases come and go" safety
verify "2 files, folios of two pages" safety -DFIXED_LEASES -DFOLIO
verify "2 files, a change of both, direct I/O, mmap, write" safety "${BOTH[@]}"
OPTIMISE=-O0 verify "2 files, a change of both, the filesystem does not wait" safety \
	-DFIXED_LEASES -DREMAP -DNO_FS_WAIT
OPTIMISE=-O0 verify "1 file, mmap, write" safety "${MMAP[@]}"
verify "2 files, a change of one that takes for ever" safety -DFIXED_LEASES -DFOLIO -DSTALL
OPTIMISE=-O0 verify "2 files, neither waits for references nor looks a second time" safety \
	-DFIXED_LEASES -DNO_FS_WAIT -DNO_SECOND_LOOK
verify "2 files, small steps" safety -DFIXED_LEASES -DSMALL_STEPS
verify "1 file, small steps, layouts are retired" safety -DFILES=1 -DLAYOUTS=2 -DFOLIO -DSMALL_STEPS

# Breakable leases.
verify "breakable: 2 files, a change of each" safety "${B[@]}" -DUNPINS_AT_ONCE -DONE_EACH
verify "breakable: 2 files, a registration of both" safety "${ACROSS[@]}"
verify "breakable: 2 files, a change of both" safety "${BOTH_BREAKABLE[@]}"
verify "breakable: 2 files, holders use the file and let go" safety \
	"${B[@]}" "${ASKED[@]}" -DUNPINS_AT_ONCE -DONE_EACH -DUSES_THE_FILE
verify "breakable: 1 file, folios, holders use the file and let go" safety \
	"${B[@]}" -DFILES=1 -DFOLIO -DNO_TIME -DCOOPERATES -DUSES_THE_FILE
verify "breakable: 1 file, holders use the file and let go, mmap, write" safety "${MMAP_ASKED[@]}"
verify "breakable: 1 file, devices at work" safety "${B[@]}" -DFILES=1 -DDMA
verify "breakable: 1 file, the filesystem looks again" safety \
	"${B[@]}" -DFILES=1 -DPIN_AT_ONCE -DUNPINS_AT_ONCE -DLOOKS
verify "breakable: 1 file, small steps" safety "${B[@]}" -DFILES=1 -DSMALL_STEPS
OPTIMISE=-O0 verify "breakable: 1 file, leases come and go, layouts are retired" safety \
	-DBREAKABLE -DFILES=1 -DLAYOUTS=2 "${ASKED[@]}"

# Liveness.
verify "every break ends, breakable: 1 file" every_break_ends \
	"${B[@]}" -DFILES=1 -DPIN_AT_ONCE -DLIVENESS=0
verify "every break ends, breakable: 2 files" every_break_ends \
	"${B[@]}" -DPIN_AT_ONCE -DUNPINS_AT_ONCE -DNO_REVOKE -DONE_EACH -DLIVENESS=0
OPTIMISE=-O0
verify "every break ends, breakable: 1 file, holders let go" every_break_ends \
	"${B[@]}" "${ASKED[@]}" -DFILES=1 -DLIVENESS=0
verify "every break ends: 2 files" every_break_ends -DFIXED_LEASES -DLIVENESS=0
verify "every break ends: 2 files, a change of both" every_break_ends "${BOTH_ENDS[@]}"
verify "every break ends: 1 file, leases come and go, folios" every_break_ends \
	-DFILES=1 -DFOLIO -DPATIENT -DLIVENESS=0

if [ -z "$short" ]; then
	OPTIMISE=-O1
	verify "breakable: 2 files" safety "${B[@]}" -DPIN_AT_ONCE -DUNPINS_AT_ONCE
	verify "breakable: 1 file, leases of both kinds come and go" safety \
		-DBREAKABLE -DFILES=1 -DPIN_AT_ONCE -DUNPINS_AT_ONCE
	verify "breakable: 1 file, folios" safety "${B[@]}" -DFILES=1 -DFOLIO -DUNPINS_AT_ONCE
	verify "2 files, leases come and go, and the filesystem does not wait" safety -DNO_FS_WAIT
	verify "2 files, folios, no drain" safety -DFIXED_LEASES -DFOLIO -DNO_DRAIN
	verify "every break ends: 2 files, folios" every_break_ends \
		-DFIXED_LEASES -DFOLIO -DPATIENT -DLIVENESS=0
fi

# Mutations.  What is found at once needs no optimised checker, nor as much depth.
OPTIMISE=-O0
DEPTH=1000000
refute FAULT_IN_SRCU '^DEADLOCK, Breaker: ..srcu_awaited.b.==0..$' safety -DFIXED_LEASES -DFOLIO -DSTALL
refute FAULT_IN_SRCU+BREAK_UNDER_INVALIDATE_LOCK \
	'^DEADLOCK, Breaker: ..srcu_awaited.b.==0.*Pinner: .*inv_write' safety -DFILES=1
refute NO_DRAIN '^BLOCK_FREED_WHILE_REFERENCED$' safety -DNO_FS_WAIT
refute NO_DRAIN+NO_SECOND_LOOK '^BLOCK_FREED_UNDER_A_LONG_TERM_PIN$' safety -DNO_FS_WAIT -DONLY_THE_END
refute CHECK_BEFORE_FLAG '^GO_AHEAD_UNDER_A_LONG_TERM_PIN$' safety
refute NOT_JUDGED_AGAIN+NO_SECOND_LOOK '^GO_AHEAD_UNDER_A_LONG_TERM_PIN$' safety
refute NO_MARK '^BLOCK_FREED_UNDER_A_LONG_TERM_PIN$' safety -DNO_FS_WAIT -DONLY_THE_END
refute NO_MARK '^DEADLOCK, Breaker: ..refs.f.==0..$' safety -DFILES=1 -DONLY_THE_END
refute NO_SECOND_LOOK '^PIN_ADMITTED_WHILE_BREAKING$' safety -DFIXED_LEASES -DFOLIO
refute NO_SECOND_LOOK '^BLOCK_FREED_UNDER_A_LONG_TERM_PIN$' safety -DFIXED_LEASES -DFOLIO -DNO_FS_WAIT -DONLY_THE_END
refute NO_SECOND_LOOK '^BREAK_NEVER_ENDS$' every_break_ends \
	-DFILES=1 -DFIXED_LEASES -DFOLIO -DPATIENT -DLIVENESS=0 -DONLY_THE_END
refute ACCOUNT_DROPPED_FIRST '^PIN_WITHOUT_ACCOUNT$' safety
refute ACCOUNT_DROPPED_FIRST '^GO_AHEAD_UNDER_A_LONG_TERM_PIN$' safety -DONLY_THE_END
refute ACQUIRE_WITHOUT_I_RWSEM '^BLOCK_FREED_UNDER_A_LONG_TERM_PIN$' safety -DNO_FS_WAIT -DONLY_THE_END
refute LEASE_IGNORES_WALKS '^LEASE_FREED_IN_USE$' safety
refute LEASE_IGNORES_PINS '^LEASE_FREED_IN_USE$' safety
refute NO_REINSERT_CHECK '^LEASE_IN_A_RETIRED_LAYOUT$' safety -DFILES=1 -DLAYOUTS=2 -DSMALL_STEPS
refute NO_REINSERT_CHECK '^BLOCK_FREED_UNDER_A_LONG_TERM_PIN$' safety \
	-DFILES=1 -DLAYOUTS=2 -DSMALL_STEPS -DNO_FS_WAIT -DONLY_THE_END
refute WAIT_UNDER_INVALIDATE_LOCK '^DEADLOCK, .*Breaker: ..refs.*DirectIO: .*inv_write' safety -DFIXED_LEASES -DDIRECT_IO

refute REVOKE_BEFORE_DMA_STOPS '^DMA_AFTER_REVOKE$' safety "${B[@]}" -DFILES=1 -DDMA
refute REVOKE_BEFORE_DMA_STOPS '^GO_AHEAD_UNDER_A_LONG_TERM_PIN$' safety \
	"${B[@]}" -DFILES=1 -DDMA -DONLY_THE_END
refute DMA_CHECKED_BEFORE '^DMA_AFTER_REVOKE$' safety "${B[@]}" -DFILES=1 -DDMA
refute REVOKE_DROPS_ACCOUNT_FIRST '^PIN_WITHOUT_ACCOUNT$' safety "${B[@]}" -DFILES=1
refute FORBID_DOES_NOT_WAIT '^HANDLE_USED_AFTER_FREE$' safety "${B[@]}" -DFILES=1
refute UNPIN_WITHOUT_FORBID '^PAGES_UNPINNED_TWICE$' safety "${B[@]}" -DFILES=1
refute OWNER_NOT_KEPT '^OWNER_USED_AFTER_FREE$' safety "${B[@]}" -DFILES=1
refute STOP_WANTS_OWNERS_LOCK '^DEADLOCK, Breaker: .*deregisters.*Pinner: .*owner' safety "${B[@]}" -DFILES=1
refute WAIT_UNDER_I_RWSEM '^DEADLOCK, Breaker: .*asleep.*Pinner: .*i_rwsem' safety \
	"${B[@]}" "${ASKED[@]}" -DFILES=1 -DUSES_THE_FILE
refute NO_WAKE_UP '^DEADLOCK, Breaker: .*asleep' safety "${B[@]}" "${ASKED[@]}" -DFILES=1
refute NO_LOOK_AFTER_WAIT '^GO_AHEAD_UNDER_A_LONG_TERM_PIN$' safety "${B[@]}" -DFILES=1
refute NOT_FOUND_OUT_AGAIN '^CHANGE_BY_AN_OLD_LOOK$' safety "${B[@]}" -DFILES=1 -DLOOKS
refute MARK_NOT_KEPT '^BLOCK_FREED_UNDER_A_LONG_TERM_PIN$' safety \
	"${B[@]}" -DFILES=1 -DNO_FS_WAIT -DONLY_THE_END
refute RETIRED_DESPITE_MARKS '^PIN_ADMITTED_WHILE_BREAKING$' safety \
	-DBREAKABLE -DFILES=1 -DLAYOUTS=2 -DPIN_AT_ONCE "${ASKED[@]}"
refute RETIRED_DESPITE_MARKS '^BLOCK_FREED_UNDER_A_LONG_TERM_PIN$' safety \
	-DBREAKABLE -DFILES=1 -DLAYOUTS=2 -DPIN_AT_ONCE "${ASKED[@]}" -DNO_FS_WAIT -DONLY_THE_END
refute DEADLINE_IGNORED '^BREAK_NEVER_ENDS$' every_break_ends \
	"${B[@]}" -DFILES=1 -DPIN_AT_ONCE -DLIVENESS=0
refute SETTLING_IGNORED '^BREAK_NEVER_ENDS$' every_break_ends \
	"${B[@]}" -DFILES=1 -DPIN_AT_ONCE -DLIVENESS=0

# A change of two files.
refute SECOND_FILE_NOT_ASKED '^DEADLOCK, Remapper: ..refs.1.==0..$' safety "${BOTH[@]}"
refute SECOND_FILE_NOT_ASKED '^BLOCK_FREED_UNDER_A_LONG_TERM_PIN$' safety \
	-DFIXED_LEASES -DREMAP -DNO_FS_WAIT
refute SECOND_FILE_NOT_ASKED '^BREAK_NEVER_ENDS$' every_break_ends "${BOTH_ENDS[@]}"
refute FIRST_MARK_NOT_KEPT '^DEADLOCK, Remapper: ..refs.0.==0..$' safety "${BOTH_BREAKABLE[@]}"
refute ONE_FILE_AFTER_THE_OTHER '^DEADLOCK, Remapper: .*i_rwsem.1.*Thread: .*inv_write' safety "${BOTH[@]}"

# A registration of two files.
refute ONE_BATCH_UNPINNED '^PIN_WITHOUT_ACCOUNT$' safety "${ACROSS[@]}"
refute ONE_BATCH_UNPINNED '^GO_AHEAD_UNDER_A_LONG_TERM_PIN$' safety "${ACROSS[@]}" -DONLY_THE_END
refute ONE_BATCH_GIVEN_BACK '^DEADLOCK, Breaker: .*asleep' safety "${ACROSS[@]}"
refute FIRST_BATCH_KEPT '^DEADLOCK, Breaker: .*asleep' safety "${ACROSS[@]}"

# mmap_lock, with somebody who waits for it as a writer.
refute MMAP_LOCK_TAKEN_AGAIN '^DEADLOCK, Pinner: .*mmap_wanted.*Thread: .*mmap_readers==0' safety "${BOTH[@]}"
refute SRCU_BEFORE_MMAP_LOCK+BREAK_UNDER_INVALIDATE_LOCK \
	'^DEADLOCK, Breaker: ..srcu_awaited.b.==0.*Pinner: .*inv_write.*Pinner: .*mmap_wanted.*Thread: .*mmap_readers==0' \
	safety "${MMAP[@]}"
refute WAITS_UNDER_MMAP_LOCK \
	'^DEADLOCK, Breaker: .*asleep.*Pinner: .*mark.*Pinner: .*mmap_wanted.*Thread: .*mmap_readers==0' \
	safety "${MMAP_ASKED[@]}"

# What the model found in the module: Documentation/limits.rst.
violated "known, a pin repeated without a pause" '^BREAK_NEVER_ENDS$' every_break_ends \
	-DFILES=1 -DFIXED_LEASES -DFOLIO -DLIVENESS=0

echo "1..$count"
[ "$failed" -eq 0 ]
