# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Debian's perftest, server and client in this one guest.  The server's buffer is
# anonymous memory ("dram"), a DAX file that is faulted in on demand ("odp"), or one
# that is leased and pinned.  Source it after lib.sh.

PERFTEST_SERVER=192.0.2.1
PERFTEST_FILE_SIZE=16m
perftest_port=19000

# perftest TOOL CASE FILE ARGUMENT...: the client's output.
perftest() {
	local tool=$1 name=$2 file=$3 server try wrapper=() buffer=() port
	shift 3
	port=$((perftest_port++))
	case $name in
	odp) buffer=(--odp "--mmap=$file") ;;
	leased)
		wrapper=(daxlease run "$file" --)
		buffer=("--mmap=$file")
		;;
	esac
	"${wrapper[@]}" "$tool" -d "$DAXLEASE_RXE" -x 1 -p "$port" -F "$@" "${buffer[@]}" \
		>/tmp/perftest.server 2>&1 &
	server=$!
	for try in $(seq 300); do
		[ -z "$(ss -Hltn "sport = :$port")" ] || break
		kill -0 "$server" 2>/dev/null || break
		sleep 0.1
	done
	if ! timeout 300 "$tool" -d "$DAXLEASE_RXE" -x 1 -p "$port" -F "$@" "$PERFTEST_SERVER" \
		>/tmp/perftest.client 2>&1 || ! wait "$server"; then
		tail -n 5 /tmp/perftest.server /tmp/perftest.client >&2
		die "$tool ($name, $file) failed after $try looks at its port"
	fi
	cat /tmp/perftest.client
}

perftest_file() {
	local file
	file=$(mount_of "$1")/perftest
	[ -e "$file" ] || quiet "make $file" xfs_io -f \
		-c "pwrite -q 0 $PERFTEST_FILE_SIZE" -c fsync "$file"
	echo "$file"
}

# each_perftest FUNCTION: calls it with FS CASE FILE ROUND, for all of them in rounds.
each_perftest() {
	local round fs file name
	module_is in
	for round in $(seq "$(rounds 3 11)"); do
		for fs in $FILESYSTEMS; do
			file=$(perftest_file "$fs")
			progress "perftest, round $round, $fs"
			for name in dram odp leased; do
				"$1" "$fs" "$name" "$file" "$round"
			done
		done
	done
}
