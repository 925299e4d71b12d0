# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What every phase script shares: places, progress, logs, failure messages.
# Source it; it sets strict mode.
# shellcheck disable=SC2034 # used by those who source it

set -euo pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$TOP/build
LOGDIR=$BUILD/log
CACHE=${DAXLEASE_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/daxlease}
FLAVOUR=${FLAVOUR:-plain}
JOBS=${JOBS:-$(($(nproc) + 1))}
KERNEL_SERIES=7.3

# Seconds between two signs of life of a long step.
HEARTBEAT=${HEARTBEAT:-20}

# The first script of a run starts the clock; the others inherit it.
export DAXLEASE_START=${DAXLEASE_START:-$(date +%s)}

case $FLAVOUR in
plain | debug | stock) ;;
*)
	echo "FLAVOUR=$FLAVOUR: there are 'plain', 'debug' and 'stock'" >&2
	exit 2
	;;
esac

mkdir -p "$LOGDIR"

elapsed() {
	local s=$(($(date +%s) - DAXLEASE_START))
	printf '%02d:%02d' $((s / 60)) $((s % 60))
}

say() {
	printf '[%s] %s\n' "$(elapsed)" "$*"
}

PHASE=start
NEXT_STEP=
LOG=

# phase NAME WHAT NEXT: what is going on, and what to do where it fails.
phase() {
	PHASE=$1
	NEXT_STEP=$3
	LOG=
	say "$PHASE: $2"
}

# die MESSAGE...: end the run, naming the phase, the log and the next step.
die() {
	{
		echo
		echo "FAILED in phase '$PHASE' after $(elapsed): $*"
		if [ -n "$LOG" ] && [ -s "$LOG" ]; then
			echo "--- the end of $LOG:"
			tail -n "${TAIL_LINES:-30}" "$LOG" | cut -c 1-400
			echo "---"
			echo "whole log: $LOG"
		fi
		[ -z "$NEXT_STEP" ] || echo "next step: $NEXT_STEP"
	} >&2
	explained
	exit 1
}

# From here on the script's status needs no explanation.
explained() {
	DIED=1
}

# Strict mode ends a script without a word; say where.  A script that has
# something to tidy up defines at_exit.
DIED=
unexpected() {
	local rc=$1
	trap - EXIT
	! declare -F at_exit >/dev/null || at_exit
	if [ "$rc" -ne 0 ] && [ -z "$DIED" ]; then
		die "$(basename "$0") ended with status $rc at line $2"
	fi
	exit "$rc"
}
trap 'unexpected $? $LINENO' EXIT

# The last line of a log that says something, cut to a screen's width.
last_line() {
	tail -c 2000 "$1" 2>/dev/null | tr '\r' '\n' | grep -v '^[[:space:]]*$' |
		tail -n 1 | tr -cd '[:print:]' | cut -c 1-100
}

# The process group of the step that run_logged has under way.
STEP_PID=

# Politely first; unshare passes nothing on, but takes its whole namespace along.
stop_step() {
	local try
	[ -n "$STEP_PID" ] || return 0
	kill -TERM -- "-$STEP_PID" 2>/dev/null || return 0
	for try in {1..10}; do
		sleep 0.2
		kill -0 -- "-$STEP_PID" 2>/dev/null || return 0
	done
	kill -KILL -- "-$STEP_PID" 2>/dev/null || true
}

trap 'explained; stop_step; exit 130' INT
trap 'explained; stop_step; exit 143' TERM HUP

# try_logged NAME COMMAND...: run it with its output in build/log/NAME.log and
# a sign of life now and then.  Returns its status.
try_logged() {
	local name=$1 begun now beat rc=0
	shift
	LOG=$LOGDIR/$name.log
	begun=$(date +%s)
	beat=$begun
	# A process group of its own, so that an interrupt can end all of it.
	setsid "$@" >"$LOG" 2>&1 </dev/null &
	STEP_PID=$!
	while kill -0 "$STEP_PID" 2>/dev/null; do
		sleep 0.2
		now=$(date +%s)
		if [ $((now - beat)) -ge "$HEARTBEAT" ]; then
			beat=$now
			say "$PHASE: ... $((now - begun)) s, at: $(last_line "$LOG")"
		fi
	done
	wait "$STEP_PID" || rc=$?
	STEP_PID=
	return "$rc"
}

# run_logged NAME COMMAND...: the same, and the run ends where it fails.
run_logged() {
	local rc=0
	try_logged "$@" || rc=$?
	[ "$rc" -eq 0 ] || die "'$1' ended with status $rc"
}

# wait_lock FD WHAT: take the lock, saying now and then what it waits for.
wait_lock() {
	local begun=$SECONDS
	! flock -n "$1" || return 0
	say "$PHASE: waiting for $2"
	until flock -w "$HEARTBEAT" "$1"; do
		say "$PHASE: ... $((SECONDS - begun)) s, still waiting for $2"
	done
}

# One run at a time works in this checkout's build directory.
lock_build() {
	[ -z "${DAXLEASE_BUILD_LOCKED:-}" ] || return 0
	exec {BUILD_LOCK}>"$BUILD/.lock"
	wait_lock "$BUILD_LOCK" "another run in $TOP"
	export DAXLEASE_BUILD_LOCKED=1
}
