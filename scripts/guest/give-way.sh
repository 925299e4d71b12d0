#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The example servers give way: while a client writes over RDMA, other processes
# change the file, and nothing is lost.
#
#   give-way.sh [--thorough] LANGUAGE FS...     LANGUAGE: c or rs
#
# --thorough adds a crowd of changes that come while the server does not listen,
# and more of what is left to chance.
. "$(dirname "$0")/lib.sh"

ADDRESS=192.0.2.1
PORT=7471
# For whoever gives way, so long that it never matters; for whoever does not, short.
PATIENT_MS=60000
SHORT_MS=500
# More than the events that the kernel keeps for a reader.
CROWD=80
SECONDS_MAX=60
[ "$FLAVOUR" = plain ] || SECONDS_MAX=300
TMP=/tmp/give-way

problems=0

headline() {
	printf '\n[%s] %s\n' "$fs" "$*"
}

shell_line() {
	printf '    # %s\n' "$*"
}

wrong() {
	printf '    !!! %s\n' "$*"
	problems=$((problems + 1))
}

# until_true WHAT COMMAND...: for SECONDS_MAX at most, and as long as the server and
# the client live.
until_true() {
	local what=$1 end=$((SECONDS + SECONDS_MAX))
	shift
	while [ "$SECONDS" -lt "$end" ]; do
		! "$@" || return 0
		kill -0 "$server" 2>/dev/null || break
		[ -z "$client" ] || kill -0 "$client" 2>/dev/null || break
		sleep 0.1
	done
	wrong "$what was expected"
	sed 's/^/    server: /' "$TMP/server"
	[ -z "$client" ] || tail -n 3 "$TMP/client" | sed 's/^/    client: /'
	return 1
}

listening() {
	[ -n "$(ss -Hltn "sport = :$PORT")" ]
}

# The number of times that a batch was called safe.
safe() {
	grep -c 'is safe$' "$TMP/client" || true
}

got_further() {
	[ "$(safe)" -gt "$1" ]
}

goes_on() {
	# More than what may have been on its way.
	until_true "that the client goes on" got_further $(($(safe) + 3))
}

# What the server has said since the last time.
news() {
	tail -n "+$((heard + 1))" "$TMP/server" >"$TMP/news"
	heard=$((heard + $(wc -l <"$TMP/news")))
	uniq -c "$TMP/news" | sed -E 's/^ *1 //; s/^ *([0-9]+) (.*)/\2 (\1 times)/; s/^/    server: /'
}

said() {
	grep -q "$1" "$TMP/news" || wrong "the server was expected to say: $1"
}

said_nothing() {
	[ ! -s "$TMP/news" ] || wrong "the server was expected not to be asked"
}

server_said() {
	tail -n "+$((heard + 1))" "$TMP/server" | grep -q "$1"
}

start() {
	headline "$1"
	rm -rf "$TMP"
	mkdir "$TMP"
	mkfifo "$TMP/stop"
	rm -f "$file"
	truncate -s 8M "$file"
	heard=0
	client=
	shell_line "$program --break-time $2 --once $file"
	"$program" --break-time "$2" --once "$file" >"$TMP/server" 2>&1 &
	server=$!
	until_true "a server on port $PORT" listening || return 1
	shell_line "$program --client $ADDRESS"
	: >"$TMP/client"
	"$program" --client "$ADDRESS" <"$TMP/stop" >"$TMP/client" 2>&1 &
	client=$!
	exec {stop}>"$TMP/stop"
	goes_on || return 1
	news
	said "the client goes on"
}

# The client is told to stop; then the file holds what the client was told.  What
# a last change has taken is there again, and no later batch covers for it.
finish() {
	local newest rc=0 pid
	headline "once more, then the client ends at once, and the file is read back"
	shell_line "truncate --size 200K $file"
	truncate --size 200K "$file" || wrong "it was expected to succeed"
	exec {stop}>&-
	for pid in $client $server; do
		wait "$pid" || rc=$?
		[ "$rc" -eq 0 ] || wrong "process $pid has ended with status $rc"
	done
	newest=$(awk '/ is safe$/ {if ($2 > n) n = $2} END {print n + 0}' "$TMP/client")
	news
	tail -n 1 "$TMP/client" | sed 's/^/    client: /'
	said "the change has taken .* batches"
	shell_line "$program --check $file"
	"$program" --check "$file" >"$TMP/check" 2>&1 || wrong "the file was expected to be whole"
	sed 's/^/    /' "$TMP/check"
	grep -q "newest batch is $newest$" "$TMP/check" || wrong "batch $newest was expected there"
	grep -q "$newest batches, all safe" "$TMP/client" || wrong "the client knows of another number"
}

# Whatever goes wrong: nothing of it stays.
clean_up() {
	kill -CONT "$server" 2>/dev/null || true
	kill -CONT "$client" 2>/dev/null || true
	kill "$server" "$client" 2>/dev/null || true
	wait
	rm -f "$file" "$file.clone"
}

# change WHAT SAYS COMMAND...: it waits, the server gives way, it is done.
change() {
	local what=$1 says=$2
	shift 2
	headline "$what"
	shell_line "$*"
	"$@" || wrong "it was expected to succeed"
	goes_on || return 1
	news
	said "BREAK: somebody wants to $says"
	said "the client has paused, the region is deregistered"
	said "RESUMED: it is done"
	said "registered, .*: the client goes on"
}

gives_way() {
	start "a server with a breakable lease, and a client that writes, batch after batch" \
		"$PATIENT_MS" || return 0
	headline "a hole behind what is served: done at once, the server is not asked"
	shell_line "fallocate --punch-hole --offset 6M --length 1M $file"
	fallocate --punch-hole --offset 6M --length 1M "$file" || wrong "it was expected to succeed"
	goes_on || return 0
	news
	said_nothing

	change "a hole in what is served: it waits, the server gives way, it is done" \
		"punch a hole into" \
		fallocate --punch-hole --offset 256K --length 384K "$file" || return 0
	said "the change has taken .* batches"
	change "truncate: likewise; the server makes the file longer again" \
		truncate truncate --size 100K "$file" || return 0
	said "the file has 102400 bytes: extending it"
	said "the change has taken .* batches"
	headline "making it longer changes nothing that is there"
	shell_line "truncate --size 8M $file"
	truncate --size 8M "$file" || wrong "it was expected to succeed"
	goes_on || return 0
	news
	said_nothing
	[ "$fs" != xfs ] || clone || return 0
	[ -z "$thorough" ] || a_crowd || return 0
	! grep "failed" "$TMP/client" || wrong "no write of the client was expected to fail"
	finish
	[ "$fs" != xfs ] || clone_is_as_it_was
}

clone() {
	rm -f "$file.clone"
	change "a clone: what it shares is not written to any more" reflink \
		cp --reflink=always "$file" "$file.clone" || return 1
	! grep -q "has taken" "$TMP/news" || wrong "a clone was expected to take nothing away"
	sum=$(sha256sum <"$file.clone")
}

clone_is_as_it_was() {
	headline "the clone is as it was"
	shell_line "$program --check $file.clone"
	"$program" --check "$file.clone" | sed 's/^/    /' || wrong "the clone was expected to be whole"
	[ "$(sha256sum <"$file.clone")" = "$sum" ] || wrong "the clone has changed"
}

# How many changes wait for the pins under the server's lease.
waiting() {
	awk '$1 == "breaking:" {print $2}' "/proc/$server/fdinfo/"* 2>/dev/null
}

crowd_waits() {
	[ "$(waiting)" -eq "$CROWD" ]
}

a_crowd() {
	local pids=() pid
	headline "$CROWD changes while the server does not listen: more than its queue of events holds"
	kill -STOP "$server"
	for _ in $(seq "$CROWD"); do
		fallocate --punch-hole --offset 512K --length 64K "$file" &
		pids+=($!)
	done
	until_true "$CROWD changes that wait" crowd_waits || return 1
	kill -CONT "$server"
	for pid in "${pids[@]}"; do
		wait "$pid" || wrong "a change was expected to succeed"
	done
	goes_on || return 1
	news
	said "OVERFLOW: .* events are lost"
	said "registered, .*: the client goes on"
}

# revoked WHAT PROCESS: it is stopped, so nobody lets go in time.
revoked() {
	headline "$1"
	kill -STOP "$2"
	shell_line "truncate --size 300K $file"
	truncate --size 300K "$file" || wrong "it was expected to succeed"
	[ "$(stat --format %s "$file")" -eq $((300 << 10)) ] || wrong "the file has another size"
	kill -CONT "$2"
	until_true "REVOKED" server_said REVOKED || return 1
	goes_on || return 1
	news
	said "REVOKED: the region has been taken from us"
	said "registered, .*: the client goes on"
}

too_late() {
	start "who does not react: the server lets others wait for $SHORT_MS ms only" \
		"$SHORT_MS" || return 0
	revoked "the server is stopped: its region is taken away, the change is done" \
		"$server" || return 0
	for _ in $(seq "${thorough:-1}"); do
		revoked "the client is stopped and does not pause: likewise" "$client" || return 0
	done
	# It depends on where it was stopped.
	sed -n 's/^a write has failed/    client: &/p' "$TMP/client" | sort | uniq -c
	finish
}

thorough=
if [ "${1:-}" = --thorough ]; then
	thorough=5
	shift
fi
program=give-way-$1
shift
for fs in "$@"; do
	file=/mnt/$fs/served
	server=
	client=
	for act in gives_way too_late; do
		$act
		clean_up
	done
done
[ "$problems" -eq 0 ]
