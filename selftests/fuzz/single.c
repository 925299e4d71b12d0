// SPDX-License-Identifier: GPL-2.0
/* One thread: what each call does is known beforehand. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gen.h"
#include "model.h"
#include "run.h"

/* So many of the last calls are kept for a report. */
#define KEPT		(1UL << 17)
/* So many meet everything. */
#define MANY		10000
/* A sign of life after so many. */
#define PROGRESS	10000

struct session {
	struct worker worker;
	struct model model;
	struct call *kept;
	unsigned long nr;
};

static void write_calls(const struct session *s, const char *path)
{
	unsigned long first = s->nr > KEPT ? s->nr - KEPT : 0;
	FILE *to = fopen(path, "w");

	if (!to)
		return;
	for (unsigned long i = first; i < s->nr; i++) {
		call_print(to, &s->kept[i % KEPT]);
		fputc('\n', to);
	}
	fclose(to);
}

static int report(const struct session *s, const struct run *run, const struct call *call,
		  errset expected, long ret, const char *wrong)
{
	printf("# call %lu: ", s->nr - 1);
	call_print(stdout, call);
	printf("\n# result: %s", ret < 0 ? strerrorname_np(-ret) : "success");
	if (wrong)
		printf("\n# %s\n", wrong);
	else
		printf(", expected: %s\n", errset_text(expected));
	if (run->dump) {
		write_calls(s, run->dump);
		printf("# the calls are in %s\n", run->dump);
	}
	fflush(stdout);
	return -EBADE;
}

static int step(struct session *s, const struct run *run, const struct call *call)
{
	const char *wrong = NULL;
	errset expected;
	long ret;

	s->kept[s->nr++ % KEPT] = *call;
	ret = worker_run(&s->worker, call);
	expected = model_expect(&s->model, &s->worker, call);
	if (!(expected & E(ret < 0 ? -ret : 0)))
		return report(s, run, call, expected, ret, NULL);
	wrong = model_follow(&s->model, &s->worker, call, ret);
	return wrong ? report(s, run, call, expected, ret, wrong) : 0;
}

static int replay(struct session *s, const struct run *run)
{
	FILE *from = fopen(run->replay, "r");
	struct call call;
	char line[1024];
	int ret = 0, n = 0;

	if (!from) {
		printf("# %s: %s\n", run->replay, strerror(errno));
		return -errno;
	}
	while (!ret && fgets(line, sizeof(line), from)) {
		n++;
		switch (call_parse(line, &call)) {
		case 1:
			ret = step(s, run, &call);
			break;
		case -1:
			printf("# %s:%d: this is no call: %s", run->replay, n, line);
			ret = -EINVAL;
			break;
		}
	}
	fclose(from);
	if (!ret && !s->nr)
		ret = -ENODATA;
	return ret;
}

static int random_calls(struct session *s, const struct run *run)
{
	struct call call;
	struct gen gen;
	int ret = 0;

	gen_init(&gen, run->seed);
	while (!ret && s->nr < run->calls) {
		call = gen_call(&gen, &s->worker);
		ret = step(s, run, &call);
		if (s->nr % PROGRESS == 0) {
			printf("# %lu calls\n", s->nr);
			fflush(stdout);
		}
	}
	return ret;
}

int run_single(struct world *world, const struct run *run)
{
	struct session *s = calloc(1, sizeof(*s));
	int ret;

	s->kept = calloc(KEPT, sizeof(*s->kept));
	ret = worker_init(&s->worker, world, 0);
	if (!ret)
		ret = worker_enter(&s->worker);
	if (!ret)
		ret = model_init(&s->model, world);
	if (ret) {
		printf("# cannot start: %s\n", strerror(-ret));
		return ret;
	}
	ret = run->replay ? replay(s, run) : random_calls(s, run);
	if (!ret && run->dump)
		write_calls(s, run->dump);
	if (run->verbose)
		results_print(&s->worker, 1);
	if (!ret && s->nr >= MANY && !results_cover(&s->worker))
		ret = -ENODATA;
	return ret;
}
