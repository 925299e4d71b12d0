// SPDX-License-Identifier: GPL-2.0
/*
 * The structures are the same for every caller.  Checked by the compiler; what
 * runs is there to say so.
 */
#include "kselftest_harness.h"

#include "abi_layout.h"

TEST(layout_was_checked_by_the_compiler)
{
	EXPECT_EQ(0xDA01, DAXLEASE_ACQUIRE);
	EXPECT_EQ(0xDA02, DAXLEASE_ATTACH);
	EXPECT_EQ(0xDA03, DAXLEASE_RELEASE);
	EXPECT_EQ(0xDA04, DAXLEASE_QUERY);
	EXPECT_EQ(0xDA05, DAXLEASE_STATS);
	EXPECT_EQ(0xDA06, DAXLEASE_SCAN);
	EXPECT_EQ(0xDA07, DAXLEASE_OPENERS);
	EXPECT_EQ(0xDA08, DAXLEASE_FORCE);
}

TEST_HARNESS_MAIN
