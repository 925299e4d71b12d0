#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Run a command in the build root: chroot with mounts in a private namespace,
# so that nothing stays mounted however the command ends, and the root itself
# read-only, so that no build can spoil it.
#
#   inroot.sh ROOT [-b DIR:PLACE]... [-r DIR:PLACE]... [-e VAR=VALUE]... [-C DIR] -- COMMAND...
#
# -b mounts a directory of the host, -r the same read-only, -C is where to run.
set -euo pipefail

if [ "${1:-}" != --inside ]; then
	exec unshare --mount --propagation private --pid --fork --kill-child=KILL \
		-- "$BASH" "$0" --inside "$@"
fi
shift

root=$1
shift
dir=/
binds=()
env=(PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8)

# The way to the network is the host's.
for var in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
	[ -z "${!var:-}" ] || env+=("$var=${!var}")
done

while [ "$1" != -- ]; do
	case $1 in
	-b) binds+=("rw:$2") ;;
	-r) binds+=("ro:$2") ;;
	-e) env+=("$2") ;;
	-C) dir=$2 ;;
	*)
		echo "inroot.sh: unknown option $1" >&2
		exit 2
		;;
	esac
	shift 2
done
shift

mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
for place in tmp run root var/tmp var/lib/apt/lists var/cache/apt; do
	mount -t tmpfs -o mode=1777 tmpfs "$root/$place"
done

# Names and certificates as the host has them: a site's own resolver and CA count here too.
for file in /etc/resolv.conf /etc/ssl/certs/ca-certificates.crt; do
	if [ -e "$file" ] && [ -e "$root$file" ]; then
		mount --bind "$(readlink -f "$file")" "$root$file"
	fi
done

for bind in "${binds[@]}"; do
	mode=${bind%%:*}
	bind=${bind#*:}
	mount --bind "${bind%%:*}" "$root${bind#*:}"
	[ "$mode" = rw ] || mount -o remount,bind,ro "$root${bind#*:}"
done

# shellcheck disable=SC2016 # expanded by the inner shell
exec chroot "$root" /usr/bin/env -i "${env[@]}" \
	/bin/bash -c 'cd "$0" && exec "$@"' "$dir" "$@"
