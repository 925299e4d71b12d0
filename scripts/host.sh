#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Phase host: the few programs that the host itself must have.
. "$(dirname "$0")/lib.sh"

# program:Debian package
NEEDS="mmdebstrap:mmdebstrap qemu-system-x86_64:qemu-system-x86 unshare:util-linux
	flock:util-linux setsid:util-linux findmnt:mount awk:mawk"

missing() {
	local need
	for need in $NEEDS; do
		command -v "${need%%:*}" >/dev/null || echo "${need##*:}"
	done | sort -u | xargs
}

advise() {
	cat >&2 <<-END

	The set-up needs a Debian-like x86-64 machine and root (it makes a chroot).
	As root, run:

	    apt-get install --no-install-recommends mmdebstrap debian-archive-keyring \\
	        qemu-system-x86 util-linux mount mawk make

	On another distribution install mmdebstrap, QEMU for x86-64, util-linux and
	Debian's archive keyring under the names that they have there.
	Then run the same command again as root.
	END
}

phase host "programs that the host needs" "see above"

[ "$(uname -m)" = x86_64 ] || die "this machine is $(uname -m); the guest is x86-64 and is built natively"

packages=$(missing)
if [ -n "$packages" ]; then
	if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
		advise
		die "missing: $packages"
	fi
	say "host: installing $packages"
	NEXT_STEP="check that this host's apt works, then run the same command again"
	run_logged host-apt-update apt-get update
	# shellcheck disable=SC2086 # a list
	run_logged host-apt env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends debian-archive-keyring $packages
	packages=$(missing)
	[ -z "$packages" ] || die "still missing: $packages"
fi

if [ "$(id -u)" -ne 0 ]; then
	advise
	die "not root"
fi

if ! unshare --mount --pid --fork true 2>/dev/null; then
	die "this environment forbids mount namespaces (a container without CAP_SYS_ADMIN?)"
fi

mkdir -p "$CACHE"
free=$(df --output=avail -BG "$CACHE" | tail -n 1 | tr -dc 0-9)
[ -n "$(ls -A "$CACHE")" ] || [ "$free" -ge 12 ] ||
	die "$CACHE has $free GB free and a first run needs 12; set DAXLEASE_CACHE= to a place that has them"
