/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that was lost, as kmemleak sees it. */
#ifndef SELFTESTS_LEAK_H
#define SELFTESTS_LEAK_H

/*
 * Has the kernel look for lost memory.  0, or how many pieces were allocated by
 * this project's code, each printed; -ENOENT where the kernel cannot tell.
 */
int leak_scan(void);

/* The last test of a program: it has lost nothing.  After the other fixtures. */
#define TEST_LEAKS							\
	FIXTURE(memory) { int unused; };				\
	FIXTURE_SETUP(memory) { self->unused = 0; }			\
	FIXTURE_TEARDOWN(memory) { }					\
									\
	TEST_F(memory, nothing_is_lost)					\
	{								\
		int lost = leak_scan();					\
									\
		if (lost == -ENOENT)					\
			SKIP(return, "the kernel has no kmemleak");	\
		EXPECT_EQ(0, lost);					\
	}

#endif
