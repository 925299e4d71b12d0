#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Show that the corruption test can fail: it passes as things are, and with
# daxlease_mutate.ko, which lets every layout change through, it finds a device
# writing into a block that was freed and given to another file.
. "$(dirname "$0")/lib.sh"

SELFTESTS=$OUT/selftests
MUTATION=$MODULES/mutate/daxlease_mutate.ko

corruption_test() {
	local line rc=0
	line=$(grep -m 1 -E '^[^#]*corruption' "$SELFTESTS/tests.list") ||
		die "no line of tests.list is the corruption test"
	(cd "$SELFTESTS" && timeout -k 10 300 bash -c "$line") >/tmp/tap 2>&1 || rc=$?
	sed 's/^/    /' /tmp/tap
	return "$rc"
}

[ -e "$MUTATION" ] || die "$MUTATION was not built"
failed=0

echo "# as things are"
if corruption_test && grep -q '^ok ' /tmp/tap; then
	echo "ok 1 - the corruption test passes"
else
	echo "not ok 1 - the corruption test passes"
	failed=1
fi

echo "# with the break check disabled"
quiet "load the mutation" insmod "$MUTATION"
if ! corruption_test && grep -q '^not ok ' /tmp/tap && grep -q 'CORRUPTION' /tmp/tap; then
	echo "ok 2 - it finds the corruption when the break check is disabled"
else
	echo "not ok 2 - it finds the corruption when the break check is disabled"
	failed=1
fi
unload daxlease_mutate

exit "$failed"
