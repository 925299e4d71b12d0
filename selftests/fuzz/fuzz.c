// SPDX-License-Identifier: GPL-2.0
/*
 * Random calls on /dev/daxlease and around it.
 *
 *	fuzz [--seed N] [--calls N] [--threads N] [--fs ext4|xfs] [--root|--user|--mixed]
 *	     [--dump FILE] [--replay FILE] [--corpus DIRECTORY]
 *	     [--verbose]
 *
 * Without --replay and --threads: the corpus, a fault at every byte of every
 * argument, random calls of one thread and of several, --calls of each, on both
 * filesystems, by root, by a user, and by threads of both that share all they have.
 * With one thread the same seed makes the same calls.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lease.h"
#include "run.h"
#include "testdev.h"

#define CALLS		10000
#define KSFT_SKIP	4

enum who {
	ROOT,
	USER,
	MIXED,
	NR_WHO
};

static const char *const who_names[NR_WHO] = { "root", "user", "mixed" };

struct options {
	struct run run;
	const char *fs;
	const char *corpus;
	/* Only by this one, or by all. */
	enum who who;
};

static unsigned int tests, failures;

static const struct dax_fs *const filesystems[] = { &fs_ext4, &fs_xfs };

/* In a process of its own: when it has ended, nothing of it may be left. */
static int in_process(struct world *world, const struct run *run, enum who who)
{
	int status, ret;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		world->mixed = who == MIXED;
		ret = world_enter(world, who != USER);
		if (ret)
			printf("# cannot start: %s\n", strerror(-ret));
		else if (run->threads > 1)
			ret = run_threads(world, run);
		else
			ret = run_single(world, run);
		fflush(stdout);
		_exit(ret ? 1 : 0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	if (WIFSIGNALED(status))
		printf("# ended by signal %d\n", WTERMSIG(status));
	return status ? -EBADE : 0;
}

/* For a user, too, to write to. */
static void make_dump(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0 || fchmod(fd, 0666))
		printf("# %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void test(const struct dax_fs *fs, const struct run *base, enum who who, const char *name)
{
	struct run run = *base;
	long long pins = foll_pins();
	struct world world;
	int ret;

	/* The calls of the first failure stay. */
	if (failures)
		run.dump = NULL;
	else if (run.dump)
		make_dump(run.dump);
	ret = world_make(&world, fs);
	if (!ret)
		ret = in_process(&world, &run, who);
	else
		printf("# cannot make the files: %s\n", strerror(-ret));
	if (world_end(&world))
		ret = -EBUSY;
	if (!wait_foll_pins(pins)) {
		printf("# pages are still pinned\n");
		ret = -EBUSY;
	}
	tests++;
	failures += ret != 0;
	printf("%s %u %s.%s.%s\n", ret ? "not ok" : "ok", tests, fs->type, who_names[who],
	       name);
	fflush(stdout);
}

static void random_test(const struct dax_fs *fs, const struct run *base, enum who who,
			unsigned int threads)
{
	struct run run = *base;
	char name[96];

	run.threads = threads;
	snprintf(name, sizeof(name), "%lu calls of %u thread%s, seed %llu", run.calls, threads,
		 threads > 1 ? "s" : "", (unsigned long long)run.seed);
	test(fs, &run, who, name);
}

static void fault_test(const struct dax_fs *fs, const struct run *base, enum who who)
{
	struct run run = { .faults = true, .dump = base->dump, .verbose = base->verbose };

	test(fs, &run, who, "a fault at every byte");
}

static int is_corpus(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && !strcmp(dot, ".calls");
}

static void corpus_tests(const struct dax_fs *fs, const struct options *options, enum who who)
{
	struct dirent **entries;
	int nr;

	nr = scandir(options->corpus, &entries, is_corpus, alphasort);
	if (nr <= 0) {
		printf("# there is no corpus in %s\n", options->corpus);
		failures++;
		return;
	}
	for (int i = 0; i < nr; i++) {
		struct run run = { .dump = options->run.dump };
		char path[512], name[300];

		snprintf(path, sizeof(path), "%s/%s", options->corpus, entries[i]->d_name);
		snprintf(name, sizeof(name), "corpus.%s", entries[i]->d_name);
		run.replay = path;
		test(fs, &run, who, name);
		free(entries[i]);
	}
	free(entries);
}

static void tests_of(const struct dax_fs *fs, const struct options *options, enum who who)
{
	if (options->run.replay) {
		/* One thread does it, which is not both. */
		if (who == MIXED)
			return;
		test(fs, &options->run, who, options->run.replay);
	} else if (options->run.threads) {
		random_test(fs, &options->run, who, options->run.threads);
	} else if (who == MIXED) {
		random_test(fs, &options->run, who, WORKERS);
	} else {
		corpus_tests(fs, options, who);
		fault_test(fs, &options->run, who);
		random_test(fs, &options->run, who, 1);
		random_test(fs, &options->run, who, WORKERS);
	}
}

static void usage(void)
{
	fputs("fuzz [--seed N] [--calls N] [--threads N] [--fs ext4|xfs] [--root|--user|--mixed]\n"
	      "     [--dump FILE] [--replay FILE] [--corpus DIRECTORY]\n"
	      "     [--verbose]\n", stderr);
	exit(2);
}

static void parse(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "calls", required_argument, NULL, 'c' },
		{ "threads", required_argument, NULL, 't' },
		{ "fs", required_argument, NULL, 'f' },
		{ "root", no_argument, NULL, 'r' },
		{ "user", no_argument, NULL, 'u' },
		{ "mixed", no_argument, NULL, 'm' },
		{ "dump", required_argument, NULL, 'd' },
		{ "replay", required_argument, NULL, 'p' },
		{ "corpus", required_argument, NULL, 'C' },
		{ "verbose", no_argument, NULL, 'v' },
		{ },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		switch (c) {
		case 's':
			options->run.seed = strtoull(optarg, NULL, 0);
			break;
		case 'c':
			options->run.calls = strtoul(optarg, NULL, 0);
			break;
		case 't':
			options->run.threads = strtoul(optarg, NULL, 0);
			break;
		case 'f':
			options->fs = optarg;
			break;
		case 'r':
			options->who = ROOT;
			break;
		case 'u':
			options->who = USER;
			break;
		case 'm':
			options->who = MIXED;
			break;
		case 'd':
			options->run.dump = optarg;
			break;
		case 'p':
			options->run.replay = optarg;
			break;
		case 'C':
			options->corpus = optarg;
			break;
		case 'v':
			options->run.verbose = true;
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
}

int main(int argc, char **argv)
{
	struct options options = {
		.run = { .seed = 1, .calls = CALLS, .dump = "/tmp/fuzz.calls" },
		.corpus = "fuzz/corpus",
		.who = NR_WHO,
	};

	parse(argc, argv, &options);
	puts("TAP version 13");
	if (access(LEASE_DEV, F_OK) || access(TESTDEV_DEV, F_OK)) {
		puts("1..0 # SKIP the modules are not loaded");
		return KSFT_SKIP;
	}
	if (!compat_works())
		puts("# this kernel has no 32-bit calls: those are made as 64-bit ones");
	for (size_t i = 0; i < sizeof(filesystems) / sizeof(filesystems[0]); i++) {
		if (options.fs && strcmp(options.fs, filesystems[i]->type))
			continue;
		for (enum who who = ROOT; who < NR_WHO; who++) {
			if (options.who == NR_WHO || options.who == who)
				tests_of(filesystems[i], &options, who);
		}
	}
	printf("1..%u\n", tests);
	return failures || !tests;
}
