#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The daxlease command against the module: what it does, prints and returns.
# The guest's setup.sh has made the mounts; results are TAP.
set -u

HERE=$(cd "$(dirname "$0")" && pwd)
TMP=$(mktemp -d)
INSTANCES=/sys/kernel/tracing/instances
count=0
failed=0
holder=
trap 'stop_holder; rm -rf "$TMP"' EXIT

# ok NAME COMMAND...: one test.  What the command prints matters where it fails.
ok() {
	local name=$1
	shift
	count=$((count + 1))
	if "$@" >"$TMP/test" 2>&1; then
		echo "ok $count $name"
	else
		failed=$((failed + 1))
		sed 's/^/# /' "$TMP/test"
		[ ! -s "$TMP/out" ] || sed 's/^/# out: /' "$TMP/out"
		[ ! -s "$TMP/err" ] || sed 's/^/# err: /' "$TMP/err"
		echo "not ok $count $name"
	fi
}

# does STATUS COMMAND...: ends with that status; leaves its output in out and err.
does() {
	local want=$1 rc=0
	shift
	"$@" >"$TMP/out" 2>"$TMP/err" </dev/null || rc=$?
	[ "$rc" -eq "$want" ] || echo "status $rc, not $want: $*"
	[ "$rc" -eq "$want" ]
}

# says STATUS WORDS COMMAND...: the same, and these words are in what it prints.
says() {
	local want=$1 words=$2
	shift 2
	does "$want" "$@" && grep -qF -- "$words" "$TMP/out" "$TMP/err"
}

# shows FILTER COMMAND...: its JSON fulfils the jq filter.
shows() {
	local filter=$1
	shift
	does 0 "$@" && jq -e "$filter" "$TMP/out"
}

# eventually COMMAND...: now or after some tries.
eventually() {
	local try
	for try in {1..100}; do
		! "$@" || return 0
		sleep 0.05
	done
	echo "not after $try tries: $*"
	return 1
}

# hold COMMAND...: runs it in the background until it has pinned; its pid is $holder.
hold() {
	: >"$TMP/holder"
	"$@" >"$TMP/holder" 2>&1 </dev/null &
	holder=$!
	if ! eventually grep -q pinned "$TMP/holder"; then
		sed 's/^/# holder: /' "$TMP/holder"
		return 1
	fi
}

stop_holder() {
	[ -n "$holder" ] || return 0
	kill "$holder" 2>/dev/null
	wait "$holder" 2>/dev/null
	holder=
}

holder_gone() {
	! kill -0 "$holder" 2>/dev/null
}

fresh() {
	rm -f "$FILE"
	xfs_io -f -c "pwrite -q -S 0x5a 0 64k" -c fsync "$FILE"
}

exclusive() {
	hold daxlease run "$FILE" -- "$HERE/pinner" "$FILE" 4
	ok "$1: run: the command is the holder" \
		shows ".leases[0] | .mode == \"exclusive\" and .pid == $holder and .comm == \"pinner\"
			and .break_time_ms == null and .breaking == 0" daxlease ls --json "$FILE"
	ok "$1: ls: the owner file of a pin, and who has it open" \
		shows ".leases[0].pins[0] | .owner_file == \"/dev/daxlease-testdev\"
			and .open_in == [{pid: $holder, comm: \"pinner\"}] and .pages == 4
			and .writable and (.revocable | not)" daxlease ls --json "$FILE"
	ok "$1: ls: the same for people" \
		says 0 "owner: /dev/daxlease-testdev, open now in: $holder pinner" daxlease ls "$FILE"
	ok "$1: scan: pinned" shows '.busy.pinned and .leases[0].pins[0].open_in[0].comm == "pinner"' \
		daxlease scan --json "$FILE"
	ok "$1: others are refused" says 1 "Text file busy" truncate -s 4096 "$FILE"
	stop_holder
	ok "$1: and no more when it has ended" does 0 truncate -s 4096 "$FILE"
}

breaking() {
	daxlease ls --json "$FILE" | jq -e ".leases[0].breaking == $1" >/dev/null
}

breakable() {
	local truncate
	fresh
	hold daxlease run --breakable --break-time 200ms "$FILE" -- "$HERE/pinner" "$FILE" 4
	ok "$1: run --breakable: mode and time" \
		shows '.leases[0] | .mode == "breakable" and .break_time_ms == 200' \
		daxlease ls --json "$FILE"
	ok "$1: run --breakable: a pin that stays outlives the time" \
		says 1 "Text file busy" truncate -s 4096 "$FILE"
	stop_holder
	hold daxlease run --breakable --break-time 200ms "$FILE" -- "$HERE/pinner" "$FILE" 4 revocable
	ok "$1: ls: revocable" says 0 "rw revocable" daxlease ls "$FILE"
	ok "$1: run --breakable: a revocable one is taken away" does 0 truncate -s 8192 "$FILE"
	ok "$1: and its pin is gone" shows '.leases[0].pins == []' daxlease ls --json "$FILE"
	stop_holder

	fresh
	hold daxlease run --breakable --break-time 1min "$FILE" -- "$HERE/pinner" "$FILE" 4
	truncate -s 4096 "$FILE" &
	truncate=$!
	ok "$1: ls: a layout change that waits is counted" eventually breaking 1
	ok "$1: ls: and shown to people" says 0 "active, breaking" daxlease ls "$FILE"
	ok "$1: run: nobody is let in before it" \
		says 125 "a layout change (such as a truncate) is under way" \
		daxlease run "$FILE" -- true
	stop_holder
	ok "$1: the holder ends, the change goes on" wait "$truncate"
	ok "$1: run: a break time too long" says 125 "more than this system allows" \
		daxlease run --breakable --break-time 61s "$FILE" -- true
}

force() {
	fresh
	hold daxlease run "$FILE" -- "$HERE/pinner" "$FILE" 4 revocable
	ok "$1: force: revokes" says 1 "1 pin revoked, 0 processes killed" daxlease force "$FILE"
	ok "$1: force: says what is left and what to do next" grep -qF \
		"1 lease left, without pins: the holders may pin again" "$TMP/out"
	ok "$1: force: nobody was killed" kill -0 "$holder"
	stop_holder
	hold daxlease run "$FILE" -- "$HERE/pinner" "$FILE" 4
	ok "$1: force: beside the pins" says 1 "0 pins revoked" \
		daxlease force --range 1M:4K "$FILE"
	ok "$1: force: without --kill a pin stays" says 1 "run this again with --kill" \
		daxlease force "$FILE"
	ok "$1: force: not without CAP_SYS_ADMIN" says 125 "only an administrator" \
		setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin daxlease force "$FILE"
	ok "$1: force: --kill --json" \
		shows '.killed == 1 and .revoked == 0 and .pins_left == 0 and .leases_left == 0' \
		daxlease force --kill --json "$FILE"
	ok "$1: force: the holder is gone" eventually holder_gone
	stop_holder
	ok "$1: force: nothing there" says 0 "Nothing is pinned or leased there" \
		daxlease force "$FILE"
}

# watching LOG OPTION...: starts it; its pid is $watcher.
watching() {
	local log=$1
	shift
	# Not what the last one wrote.
	rm -f "$log"
	daxlease watch "$@" >"$log" 2>&1 &
	watcher=$!
	eventually test -s "$log"
}

no_instances() {
	! compgen -G "$INSTANCES/daxlease-watch.*"
}

# One line of $TMP/watch fulfils the filter.
watched() {
	jq -s -e "any(.[]; $1)" "$TMP/watch" >/dev/null
}

sentence() {
	grep -qE -- "$1" "$TMP/people"
}

watch() {
	local people
	fresh
	watching "$TMP/people"
	people=$watcher
	watching "$TMP/watch" --json "$FILE"
	hold daxlease run "$FILE" -- "$HERE/pinner" "$FILE" 4
	truncate -s 4096 "$FILE" 2>/dev/null
	ok "$1: watch --json: the lease" eventually watched \
		".event == \"acquire\" and .pid == $holder and .path == \"$FILE\" and .end == null"
	ok "$1: watch --json: the pin" eventually watched \
		".event == \"pin\" and .pages == 4 and .device == \"testdev\" and .write
		and .start == 0 and .end == 16384 and .comm == \"pinner\""
	ok "$1: watch --json: the refusal" eventually watched \
		'.event == "break_verdict" and .verdict == "refuse" and .error == 26 and .comm == "truncate"'
	stop_holder
	ok "$1: watch --json: the end" eventually watched ".event == \"release\" and .how == \"closed\""
	ok "$1: watch: the lease" eventually sentence "has leased $FILE, 0.. \(whole file\): lease [0-9]+, exclusive"
	ok "$1: watch: the pin" eventually sentence "testdev has pinned 16 KiB of $FILE for pinner"
	ok "$1: watch: the change" eventually sentence "truncate \([0-9]+\) wants to truncate $FILE, 4096"
	ok "$1: watch: the refusal" eventually sentence "is refused: ETXTBSY, others have a lease"
	ok "$1: watch: the unpin" eventually sentence "testdev has let go of 16 KiB of $FILE"
	kill -INT "$people"
	kill -TERM "$watcher"
	ok "$1: watch: ends well on SIGINT" wait "$people"
	ok "$1: watch: ends well on SIGTERM" wait "$watcher"
	ok "$1: watch: leaves no instance" no_instances
}

for fs in ext4 xfs; do
	dir=DAXLEASE_${fs^^}
	FILE=${!dir}/command
	fresh
	exclusive "$fs"
	breakable "$fs"
	force "$fs"
	watch "$fs"
	rm -f "$FILE"
done

ok "watch: not for others" says 125 "run 'daxlease watch' as root" \
	setpriv --reuid 65534 --clear-groups daxlease watch
ok "watch: nobody reads" bash -c "daxlease watch --json | head -n 1 | grep -q start"
ok "watch: then it has left no instance" eventually no_instances
ok "completions: bash takes them" bash -euc "$(daxlease completions bash)"
ok "man pages: one for each subcommand" bash -euc "daxlease gen-man '$TMP'
	for name in '' -run -ls -scan -watch -force -completions; do test -s $TMP/daxlease\$name.1; done"

echo "1..$count"
[ "$failed" -eq 0 ]
