#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The main job: ib_write_bw writes over RDMA into a file on a DAX mount, under a
# layout lease, while what would take its blocks away is refused.  Then its second
# act: servers that give way.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/bw.sh"

BUSY=16
# Messages enough to last while the file is being looked at.
BW_LENGTH=(-n 4000)
problems=0

headline() {
	printf '\n%s\n' "$*"
}

# The command line as one would type it.
shell_line() {
	printf '    # %s\n' "$*"
}

wrong() {
	printf '    !!! %s\n' "$*"
	problems=$((problems + 1))
}

changes_of() {
	echo punch-hole zero-range collapse-range insert-range
	[ "$1" != xfs ] || echo reflink
	echo truncate
}

fresh_file() {
	rm -f "$1"
	xfs_io -f -c "pwrite -q -S 0x5a 0 4m" -c fsync "$1"
}

indent() {
	sed 's/^/    /' "$@"
}

# Stock behaviour: no lease, no pin.
refused() {
	local file=$1 port=$2
	dmesg -C
	bw_server "$port" "$file" /tmp/server
	if bw_listening "$port"; then
		bw_client "$port" /tmp/client
		wait "$BW_CLIENT" || true
	fi
	if wait "$BW_SERVER"; then
		wrong "ib_write_bw was expected to fail"
	fi
	grep -iE "mr|fail|err" /tmp/server | grep -v -e --- -e allocated | indent
	dmesg -t | grep -E 'returned err' | sed 's/^/    dmesg: /'
	dmesg | grep -q 'err = -95' || wrong "the kernel was expected to say -95 (EOPNOTSUPP)"
}

leased() {
	local fs=$1 file=$2 port=$3 changes rc=0 word
	mapfile -t changes < <(changes_of "$fs" | tr ' ' '\n')

	headline "[$fs] with a lease: the same command under 'daxlease run'"
	shell_line "daxlease run $file -- ib_write_bw -d $DAXLEASE_RXE -x 1 --mmap=$file"
	bw_server "$port" "$file" /tmp/server daxlease run "$file" --
	bw_listening "$port" || {
		indent /tmp/server
		wrong "the server did not start"
		return
	}
	bw_client "$port" /tmp/client
	if ! bw_pinned "$file"; then
		indent /tmp/server /tmp/client
		wrong "the file was not pinned"
		return
	fi

	headline "[$fs] while the memory region lives, from another process:"
	"$(dirname "$0")/layout-change.py" "$file" "${changes[@]}" || rc=$?
	[ "$rc" -eq "$BUSY" ] || wrong "each was expected to be refused with ETXTBSY"

	headline "[$fs] who holds it:"
	shell_line "daxlease ls"
	daxlease ls >/tmp/ls
	indent /tmp/ls
	for word in ib_write_bw "$BW_SERVER" "$DAXLEASE_RXE" "$file"; do
		grep -qF "$word" /tmp/ls || wrong "the account was expected to name $word"
	done

	wait "$BW_CLIENT" || wrong "the client failed: $(tail -n 2 /tmp/client)"
	wait "$BW_SERVER" || wrong "the server failed: $(tail -n 2 /tmp/server)"
	headline "[$fs] what it moved (emulated CPU, software RDMA: a proof, not a benchmark):"
	bw_report /tmp/client
	[ -n "$(bw_average /tmp/client)" ] || wrong "no bandwidth in the client's report"

	headline "[$fs] after ib_write_bw has exited:"
	"$(dirname "$0")/layout-change.py" "$file" "${changes[@]}" ||
		wrong "each was expected to succeed"
}

for fs in ext4 xfs; do
	file=/mnt/$fs/file
	fresh_file "$file"
	headline "[$fs] without daxlease: what every Linux says"
	shell_line "ib_write_bw -d $DAXLEASE_RXE -x 1 --mmap=$file"
	refused "$file" 18600
done

headline "loading the module"
shell_line "insmod daxlease.ko"
load_daxlease

port=18700
for fs in ext4 xfs; do
	fresh_file "/mnt/$fs/file"
	leased "$fs" "/mnt/$fs/file" "$port"
	port=$((port + 1))
done

headline "second act: servers that give way to such changes, and lose nothing"
"$(dirname "$0")/give-way.sh" c ext4 || problems=$((problems + 1))
"$(dirname "$0")/give-way.sh" rs xfs || problems=$((problems + 1))

headline "unloading the module"
shell_line "rmmod daxlease"
unload daxlease

if [ "$problems" -ne 0 ]; then
	headline "demo: $problems things were not as expected (marked !!!)"
	exit 1
fi
headline "demo: all as expected on ext4 and xfs"
