#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the build root: leave the newest file of a Debian package in the
# current directory, whichever suite has it.
#
#   source-fetch.sh MIRROR PACKAGE
set -euo pipefail

mirror=$1
package=$2

# Point releases come and go, in this suite or that.
suites="trixie-backports forky forky-backports sid experimental"

list=/tmp/$package.list
options=(-o "Dir::Etc::sourcelist=$list" -o Dir::Etc::sourceparts=-
	-o APT::Get::List-Cleanup=false -o Acquire::Languages=none
	-o Acquire::Retries=3 -o APT::Sandbox::User=root)

# A suite that does not exist (yet, any more) must not spoil the others.
found=()
for suite in $suites; do
	echo "deb $mirror $suite main" >"$list"
	if apt-get "${options[@]}" -o APT::Update::Error-Mode=any update; then
		found+=("$(cat "$list")")
	fi
done
printf '%s\n' "${found[@]}" >"$list"

version=$(apt-cache "${options[@]}" madison "$package" |
	awk -F ' *[|] *' '{print $2}' | sort -V | tail -n 1)
if [ -z "$version" ]; then
	echo "no suite of $mirror has $package ($suites)"
	exit 1
fi
apt-get "${options[@]}" download "$package=$version"
