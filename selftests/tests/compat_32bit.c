// SPDX-License-Identifier: GPL-2.0
/*
 * A program of 32 bits gets what one of 64 bits gets, call by call.  The two are
 * compat/calls.c, which says what came of each call.
 */
#include "dax_fixture.h"

#include <sys/wait.h>

#define TEXT_SIZE	(1 << 16)

/* What the program says, with all descriptors closed that it has not opened; or NULL. */
static char *said_by(struct __test_metadata *_metadata, const char *program, const char *path)
{
	char *text = calloc(1, TEXT_SIZE);
	int pipes[2], status;
	size_t used = 0;
	ssize_t n;
	pid_t pid;

	ASSERT_NE(NULL, text);
	ASSERT_EQ(0, pipe(pipes));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		dup2(pipes[1], STDOUT_FILENO);
		close_range(3, ~0U, 0);
		execl(program, program, path, NULL);
		/* A kernel that has only one kind of programs. */
		_exit(errno == ENOEXEC ? 126 : 127);
	}
	close(pipes[1]);
	while ((n = read(pipes[0], text + used, TEXT_SIZE - 1 - used)) > 0)
		used += n;
	close(pipes[0]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 126) {
		free(text);
		return NULL;
	}
	EXPECT_EQ(0, status);
	return text;
}

/* Each of these came to something, so that it is not the same by failing twice. */
static const char *const must_say[] = {
	"acquire: ok\n", "attach: ok\n", "pin: ok\n", "query: ok\n", "scan: ok\n",
	"openers: ok\n", "stats: ok\n", "force: ok\n", "release: ok\n", "unpin: ok\n",
	"query, high: errno 14\n", "acquire, behind 4 GiB: ok\n", "there: 1\n", "me: 1\n",
	"read: ok 80\n", "poll: 1 1\n", "done: 1 0 0 1\n", "fdinfo: 1\nmode:\texclusive\n",
	"\nend\n",
};

/* The first line that differs, of both. */
static void tell_difference(const char *a, const char *b)
{
	size_t line = 0;

	for (size_t i = 0; a[i] == b[i]; i++) {
		if (!a[i])
			return;
		if (a[i] == '\n')
			line = i + 1;
	}
	printf("# 64 bits: %.*s\n# 32 bits: %.*s\n", (int)strcspn(a + line, "\n"), a + line,
	       (int)strcspn(b + line, "\n"), b + line);
}

TEST_F(dax, the_same_answers)
{
	char *wide, *narrow;

	wide = said_by(_metadata, "compat/calls64", self->path);
	ASSERT_NE(NULL, wide);
	narrow = said_by(_metadata, "compat/calls32", self->path);
	if (!narrow)
		SKIP(return, "this kernel runs no 32-bit programs");
	for (size_t i = 0; i < sizeof(must_say) / sizeof(must_say[0]); i++) {
		EXPECT_NE(NULL, strstr(wide, must_say[i]))
			TH_LOG("calls64 does not say: %s", must_say[i]);
	}
	tell_difference(wide, narrow);
	EXPECT_STREQ(wide, narrow);
	EXPECT_TRUE(wait_leases(0, 0));
}

TEST_HARNESS_MAIN
