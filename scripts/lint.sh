#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make lint: rustfmt, clippy, checkpatch and shellcheck, all from the build
# root.  Each is one test; the last line is "N passed, N failed, N skipped".
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cache.sh"
. "$(dirname "$0")/keys.sh"

passed=0
failed=0

CHECKPATCH="perl /ksrc/scripts/checkpatch.pl --no-tree --quiet --show-types"

# Out of tree there is no MAINTAINERS file to update; and it does not know that
# DEFINE_STATIC_KEY_FALSE() defines a variable.
NOT_SERIES=FILE_PATH_CHANGES,EXPORT_SYMBOL

# Rules for code that runs in the kernel; and it takes the test harness's
# FIXTURE_DATA(x) * for a product.
NOT_USER_SPACE=ENOSYS,NEW_TYPEDEFS,VOLATILE,STRNCPY,ARRAY_SIZE,COMPLEX_MACRO
# There is no header that has these.
NOT_USER_SPACE+=,PREFER_DEFINED_ATTRIBUTE_MACRO
# A macro that makes a test is none to be called.
NOT_USER_SPACE+=,MULTISTATEMENT_MACRO_USE_DO_WHILE,MACRO_WITH_FLOW_CONTROL,EMBEDDED_FUNCTION_NAME,SPACING

TOOLS="daxlease daxlease-report examples/give-way-rs"

in_root() {
	"$TOP/scripts/inroot.sh" "$(root_dir)" -r "$TOP:/src" -r "$(tree_dir):/ksrc" \
		-r "$(kernel_dir):/kbuild" -b "$lint_dir:/out" -b "$CACHE/cargo:/cargo" \
		-e CARGO_HOME=/cargo -e CARGO_TARGET_DIR=/out/tools -C /src -- "$@"
}

# lint NAME COMMAND...: one test; its output matters only where it fails.
lint() {
	local name=$1 log=$LOGDIR/lint-$1.log
	shift
	if in_root "$@" >"$log" 2>&1 </dev/null; then
		passed=$((passed + 1))
		echo "ok - lint: $name"
	else
		failed=$((failed + 1))
		echo "not ok - lint: $name" | tee -a "$BUILD/lint.failed"
		tail -n 60 "$log" | sed 's/^/    /'
		echo "    whole log: $log"
	fi
}

# Files of this project by pattern, as seen in the root.
ours() {
	(cd "$TOP" && git ls-files -co --exclude-standard -- "$@" | while read -r file; do
		[ ! -e "$file" ] || echo "$file"
	done)
}

close() {
	printf '%d %d 0\n' "$passed" "$failed" >"$BUILD/lint.summary"
	printf '%d passed, %d failed, 0 skipped\n' "$passed" "$failed"
	explained
	[ "$failed" -eq 0 ]
	exit
}

lock_build
"$TOP/scripts/prepare.sh" kernel || {
	failed=1
	close
}
cache_use root "$(root_key)"
cache_use kernel "$(kernel_key)"

phase lint "rustfmt, clippy, checkpatch, shellcheck" "repair what is named, or run the tool's own fixer"
lint_dir=$BUILD/$FLAVOUR/lint
if [ "$(cat "$lint_dir/.kernel" 2>/dev/null)" != "$(kernel_key)" ]; then
	rm -rf "$lint_dir"
fi
mkdir -p "$lint_dir/tools" "$CACHE/cargo"
kernel_key >"$lint_dir/.kernel"

mapfile -t rust < <(ours 'rust/*.rs' 'selftests/*.rs')
mapfile -t kernel_c < <(ours include rust selftests/testdev selftests/mutate selftests/inject \
	selftests/provoke selftests/bench/scan | grep '\.[ch]$')
mapfile -t user_c < <(ours selftests tools/examples | grep '\.[ch]$' | grep -v -e /testdev/ -e /mutate/ -e /inject/ \
	-e /provoke/ -e /bench/scan/)
mapfile -t patches < <(ours 'patches/*.patch' | sed 's,^,/src/,')
mapfile -t scripts < <(ours 'scripts/*.sh' scripts/vm scripts/guest/init scripts/guest/initrd-init \
	.ci/run 'selftests/*.sh')

[ ${#rust[@]} -eq 0 ] ||
	lint rustfmt-module rustfmt --check --edition 2021 --config-path /ksrc/.rustfmt.toml "${rust[@]}"
for tool in $TOOLS; do
	lint "rustfmt-${tool##*/}" cargo fmt --manifest-path "tools/$tool/Cargo.toml" --check
done

# shellcheck disable=SC2016 # expanded in the root
for module in .:daxlease selftests/testdev:testdev; do
	[ -e "$TOP/${module%%:*}/Kbuild" ] || continue
	mkdir -p "$lint_dir/${module##*:}"
	lint "clippy-${module##*:}" bash -euc '
		make -C /kbuild "M=$(realpath -m "/src/$0")" "MO=/out/$1" LLVM=1 CLIPPY=1 modules 2>&1 | tee "/out/$1.log"
		! grep -E "^(warning|error)" "/out/$1.log"' "${module%%:*}" "${module##*:}"
done
for tool in $TOOLS; do
	lint "clippy-${tool##*/}" cargo clippy --manifest-path "tools/$tool/Cargo.toml" --locked \
		--all-targets -- -D warnings
	lint "cargo-test-${tool##*/}" cargo test --manifest-path "tools/$tool/Cargo.toml" --locked
done

# shellcheck disable=SC2086 # a command and its arguments
{
	lint checkpatch-kernel $CHECKPATCH --file "${kernel_c[@]}"
	lint checkpatch-selftests $CHECKPATCH --ignore "$NOT_USER_SPACE" --file "${user_c[@]}"
	# Elsewhere: a file that git knows would be checked as a source file.
	lint checkpatch-series env -C /tmp $CHECKPATCH --ignore "$NOT_SERIES" "${patches[@]}"
}
lint shellcheck shellcheck -x "${scripts[@]}"

close
