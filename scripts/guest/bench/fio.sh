#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fio on the DAX mounts with the module out, in, and with a lease on the file, in
# operations a second.  The file exists and is as large as what is read or written.
. "$(dirname "$0")/lib.sh"

if [ "$LENGTH" = full ]; then
	patterns="read randread write randwrite"
	size=256
else
	patterns="randread randwrite"
	size=64
fi

# job ENGINE PATTERN FILE [WRAPPER...]: operations a second.
job() {
	local engine=$1 pattern=$2 file=$3 options=()
	shift 3
	[ "$engine" != io_uring ] || options=(--fixedbufs=1 --iodepth=8 --direct=1)
	"$@" fio --name="$pattern" --thread --ioengine="$engine" --rw="$pattern" --filename="$file" \
		--bs=4k --size="${size}m" --overwrite=1 --fallocate=none --randrepeat=1 --norandommap=1 \
		--gtod_reduce=1 --clocksource=clock_gettime --output-format=json "${options[@]}" \
		--output=/tmp/fio.json >/tmp/fio.log 2>&1 || {
		cat /tmp/fio.log /tmp/fio.json >&2
		die "fio failed: $engine, $pattern"
	}
	# Warnings may come before the braces.
	sed -n '/^{/,$p' /tmp/fio.json | jq '.jobs[0] | .read.iops + .write.iops'
}

states="out in leased"
for round in $(seq "$(rounds 1 3)"); do
	for fs in $FILESYSTEMS; do
		file=$(mount_of "$fs")/fio
		if [ ! -e "$file" ]; then
			quiet "make $file" xfs_io -f -c "pwrite -q 0 ${size}m" -c fsync "$file"
			# What the first one pays is none of the module's.
			module_is out
			for pattern in $patterns; do
				job mmap "$pattern" "$file" >/dev/null
			done
		fi
		for state in $states; do
			progress "fio, round $round, $fs, $state"
			wrapper=()
			case $state in
			out | in) module_is "$state" ;;
			leased)
				module_is in
				wrapper=(daxlease run "$file" --)
				;;
			esac
			for engine in psync mmap io_uring; do
				for pattern in $patterns; do
					value=$(job "$engine" "$pattern" "$file" "${wrapper[@]}")
					sample fio "$fs-$engine-$pattern" "$state" 4096 "$round" "$value"
				done
			done
		done
	done
	# Another one goes first the next time.
	states="${states#* } ${states%% *}"
done
