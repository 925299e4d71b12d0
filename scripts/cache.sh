# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The cache outside of the checkout.  An entry is $CACHE/KIND/KEY; its key says
# everything that determines it, it is made under $CACHE/tmp and renamed when
# whole, so what has its final name is whole.  Source it after lib.sh.
#
# Locks: $CACHE/lock/KIND.KEY is held exclusively by whoever makes or removes
# the entry and shared by whoever uses it.

sha() {
	sha256sum | cut -c 1-16
}

cache_path() {
	echo "$CACHE/$1/$2"
}

cache_lockfile() {
	mkdir -p "$CACHE/lock"
	echo "$CACHE/lock/$1.$2"
}

# Remove a tree that may have been used as a chroot.  Mounts live in private
# namespaces, so there must be none to see here; where there is one, stop.
cache_remove() {
	local dir=$1
	[ -e "$dir" ] || return 0
	if grep -qF " $dir/" /proc/self/mountinfo; then
		die "something is mounted below $dir; unmount it first"
	fi
	rm -rf --one-file-system "$dir"
}

# What dead runs left behind: an unfinished entry whose lock nobody holds.
cache_sweep() {
	local left name fd
	for left in "$CACHE"/tmp/*; do
		[ -d "$left" ] || continue
		name=$(basename "$left")
		exec {fd}>"$CACHE/lock/${name%.*}"
		if flock -n "$fd"; then
			say "cache: removing the unfinished $name of a run that died"
			cache_remove "$left"
		fi
		exec {fd}>&-
	done
}

# cache_make KIND KEY MAKER: have the entry made by 'MAKER TEMPORARY_DIRECTORY'
# unless it is there.  A second run that wants the same entry waits.
cache_make() {
	local kind=$1 key=$2 maker=$3 dir tmp fd
	dir=$(cache_path "$kind" "$key")
	if [ -d "$dir" ]; then
		say "$PHASE: cached in $dir"
		return 0
	fi
	mkdir -p "$CACHE/tmp" "$CACHE/lock" "$CACHE/$kind"
	cache_sweep
	exec {fd}>"$(cache_lockfile "$kind" "$key")"
	wait_lock "$fd" "another run that makes $kind $key"
	if [ ! -d "$dir" ]; then
		tmp=$CACHE/tmp/$kind.$key.$$
		for left in "$CACHE/tmp/$kind.$key".*; do
			cache_remove "$left"
		done
		mkdir "$tmp"
		"$maker" "$tmp"
		touch "$tmp/.daxlease-used"
		mv -T "$tmp" "$dir"
	fi
	exec {fd}>&-
}

# cache_use KIND KEY: keep the entry from being removed while this process lives.
cache_use() {
	local fd
	exec {fd}>"$(cache_lockfile "$1" "$2")"
	flock -s "$fd"
	touch "$(cache_path "$1" "$2")/.daxlease-used"
}

# cache_trim KIND COUNT: remove entries beyond the COUNT most recently used that
# nobody uses and that were not used for a day.
cache_trim() {
	local kind=$1 keep=$2 dir fd
	[ -d "$CACHE/$kind" ] || return 0
	while read -r _ dir; do
		[ -z "$(find "$dir/.daxlease-used" -mtime -1 2>/dev/null)" ] || continue
		exec {fd}>"$(cache_lockfile "$kind" "$(basename "$dir")")"
		if flock -n "$fd"; then
			say "cache: removing $dir, not used for days"
			mv -T "$dir" "$CACHE/tmp/$kind.$(basename "$dir").$$"
			cache_remove "$CACHE/tmp/$kind.$(basename "$dir").$$"
		fi
		exec {fd}>&-
	done < <(find "$CACHE/$kind" -mindepth 2 -maxdepth 2 -name .daxlease-used \
		-printf '%T@ %h\n' | sort -rn | tail -n "+$((keep + 1))")
}
