# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Debian's ib_write_bw, server and client in this one guest over rxe.  The
# server's buffer is the file, the client's is anonymous memory.  Source it
# after lib.sh.
# shellcheck disable=SC2034 # the process ids are for those who source it

BW_ADDRESS=192.0.2.1

# How long a transfer lasts: so many seconds, or -n for so many messages.
BW_LENGTH=(-D 60)

# bw_server PORT FILE LOG [WRAPPER...]: start it; its process id is $BW_SERVER.
bw_server() {
	local port=$1 file=$2 log=$3
	shift 3
	"$@" ib_write_bw -d "$DAXLEASE_RXE" -x 1 -p "$port" -F --report_gbits -s 65536 \
		"${BW_LENGTH[@]}" --mmap="$file" >"$log" 2>&1 &
	BW_SERVER=$!
}

# bw_listening PORT: wait until the server does, or has ended.
bw_listening() {
	local try
	for try in $(seq 300); do
		[ -z "$(ss -Hltn "sport = :$1")" ] || return 0
		kill -0 "$BW_SERVER" 2>/dev/null || return 1
		sleep 0.1
	done
	echo "nothing listens on port $1 after $try tries" >&2
	return 1
}

# bw_client PORT LOG: start it; its process id is $BW_CLIENT.
bw_client() {
	ib_write_bw -d "$DAXLEASE_RXE" -x 1 -p "$1" -F --report_gbits -s 65536 \
		"${BW_LENGTH[@]}" "$BW_ADDRESS" >"$2" 2>&1 &
	BW_CLIENT=$!
}

# bw_pinned FILE: wait until the account shows that the server has it pinned.
bw_pinned() {
	local file=$1 try
	for try in $(seq 300); do
		if daxlease ls --json "$file" | jq -e '.leases[].pins[]' >/dev/null; then
			return 0
		fi
		kill -0 "$BW_SERVER" 2>/dev/null || return 1
		sleep 0.05
	done
	echo "$file is not pinned after $try tries" >&2
	return 1
}

# bw_report LOG: the table with the bandwidth.
bw_report() {
	sed -n '/#bytes/,/----/{/----/d;s/^/    /;p}' "$1"
}

# bw_average LOG: the average in Gb/s, or nothing.
bw_average() {
	awk '$1 == 65536 && $4 > 0 {print $4}' "$1"
}
