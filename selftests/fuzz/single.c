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

static int acquire_file1(struct session *s, const struct run *run, unsigned int slot)
{
	struct call call = call_of(OP_ACQUIRE);

	call.arg[A_SLOT] = slot;
	call.arg[A_FILE] = FD_FILE1;
	return step(s, run, &call);
}

/* The lease of file1 is told that it has no pins any more. */
static int make_event(struct session *s, const struct run *run)
{
	struct call call = call_of(OP_PIN);
	int ret;

	call.arg[A_PAGE] = MIXED_FILE1;
	ret = step(s, run, &call);
	call = call_of(OP_UNPIN);
	call.arg[A_ID] = s->model.pin[s->model.pins - 1].id;
	return ret ? ret : step(s, run, &call);
}

/* A fault at each byte of the structure of a call, or of its buffer. */
static int fault_calls(struct session *s, const struct run *run, struct call call,
		       enum arg buf, enum arg cut, size_t len)
{
	struct call release = call_of(OP_RELEASE);
	int ret = 0;

	release.arg[A_SLOT] = call.arg[A_SLOT];
	for (call.arg[A_ABI] = 0; call.arg[A_ABI] < 2 && !ret; call.arg[A_ABI]++) {
		for (call.arg[cut] = 0; call.arg[cut] <= len && !ret; call.arg[cut]++) {
			for (call.arg[buf] = BUF_EDGE; call.arg[buf] <= BUF_EDGE_RO && !ret;
			     call.arg[buf]++) {
				if (call.op == OP_READ)
					ret = make_event(s, run);
				if (!ret)
					ret = step(s, run, &call);
				if (!ret && call.op == OP_ACQUIRE)
					ret = step(s, run, &release);
			}
		}
	}
	return ret;
}

/* Two leases and two pins, to have something to tell, then each call. */
static int all_faults(struct session *s, const struct run *run)
{
	static const struct {
		enum op op;
		unsigned int slot;
		enum arg buf;
		size_t len;
	} faults[] = {
		{ OP_ACQUIRE,	2, A_BUF,	sizeof(struct daxlease_acquire) },
		{ OP_ATTACH,	0, A_BUF,	sizeof(struct daxlease_attach) },
		{ OP_RELEASE,	2, A_BUF,	sizeof(struct daxlease_release) },
		{ OP_QUERY,	0, A_BUF,	sizeof(struct daxlease_query) },
		{ OP_QUERY,	0, A_RBUF,	1024 },
		{ OP_SCAN,	0, A_BUF,	sizeof(struct daxlease_scan) },
		{ OP_SCAN,	0, A_RBUF,	1024 },
		{ OP_OPENERS,	0, A_BUF,	sizeof(struct daxlease_openers) },
		{ OP_OPENERS,	0, A_RBUF,	sizeof(pid_t) },
		{ OP_FORCE,	0, A_BUF,	sizeof(struct daxlease_force) },
		{ OP_STATS,	0, A_BUF,	sizeof(struct daxlease_stats) },
		{ OP_PIN,	0, A_BUF,	sizeof(struct testdev_pin) },
		{ OP_DMA,	0, A_BUF,	sizeof(struct testdev_io) },
		{ OP_DMA,	0, A_RBUF,	64 },
		{ OP_READ,	2, A_RBUF,	2 * sizeof(struct daxlease_event) },
	};
	struct call call;
	int ret = 0;

	for (unsigned int slot = 0; slot < 3 && !ret; slot++) {
		call = call_of(OP_OPEN);
		call.arg[A_SLOT] = slot;
		ret = step(s, run, &call);
	}
	call = call_of(OP_DEV_OPEN);
	if (!ret)
		ret = step(s, run, &call);
	for (unsigned int slot = 0; slot < 2 && !ret; slot++) {
		call = call_of(OP_ACQUIRE);
		call.arg[A_SLOT] = slot;
		ret = step(s, run, &call);
		call = call_of(OP_PIN);
		call.arg[A_PAGE] = MIXED_FILE0 + slot;
		if (!ret)
			ret = step(s, run, &call);
	}
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]) && !ret; i++) {
		call = call_of(faults[i].op);
		call.arg[A_SLOT] = faults[i].slot;
		call.arg[A_ID] = call.op == OP_DMA;
		call.arg[A_LENGTH] = call.op == OP_DMA ? faults[i].len : 0;
		if (call.op == OP_READ)
			ret = acquire_file1(s, run, faults[i].slot);
		if (ret)
			break;
		if (faults[i].buf == A_RBUF)
			call.arg[A_RLEN] = faults[i].len;
		ret = fault_calls(s, run, call, faults[i].buf,
				  faults[i].buf == A_RBUF ? A_RCUT : A_CUT, faults[i].len);
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
	if (run->faults)
		ret = all_faults(s, run);
	else
		ret = run->replay ? replay(s, run) : random_calls(s, run);
	if (!ret && run->dump)
		write_calls(s, run->dump);
	if (run->verbose) {
		results_print(&s->worker, 1);
		for (int type = DAXLEASE_EVENT_BREAK; type <= DAXLEASE_EVENT_OVERFLOW; type++)
			printf("# events of type %d: %u\n", type, s->model.events[type]);
	}
	if (!ret && !run->faults && s->nr >= MANY &&
	    (!results_cover(&s->worker) || !events_cover(&s->model)))
		ret = -ENODATA;
	return ret;
}
