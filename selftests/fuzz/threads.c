// SPDX-License-Identifier: GPL-2.0
/*
 * Several threads that share all descriptors.  What a call returns must be in its
 * table, what it writes must be well-formed, and what is there when all of them
 * rest must fit together.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gen.h"
#include "lease.h"
#include "run.h"
#include "truth.h"

/* Calls of one thread until all of them rest. */
#define ROUND		500
/* A sign of life after so many of all. */
#define PROGRESS	10000
/* So many of all meet everything. */
#define MANY		8000
/* So many of the last calls of each thread are kept for a report. */
#define KEPT		1024

struct crew {
	struct worker worker[WORKERS];
	struct gen gen[WORKERS];
	unsigned long calls[WORKERS];
	struct kept {
		struct call call;
		long ret;
	} kept[WORKERS][KEPT];
	pthread_mutex_t lock;
	bool failed;
	struct truth truth;
};

static struct crew *crew;

/* The last calls of each thread, for who looks into a failure: no replay makes them meet again. */
static void write_calls(const char *path, unsigned int threads)
{
	FILE *to = path ? fopen(path, "w") : NULL;

	if (!to) {
		printf("# the calls cannot be written: %s\n", path ? strerror(errno) : "no --dump");
		return;
	}
	for (unsigned int nr = 0; nr < threads; nr++) {
		unsigned long end = crew->calls[nr];

		fprintf(to, "# thread %u, %s\n", nr, crew->worker[nr].root ? "root" : "user");
		for (unsigned long i = end > KEPT ? end - KEPT : 0; i < end; i++) {
			const struct kept *kept = &crew->kept[nr][i % KEPT];

			call_print(to, &kept->call);
			fprintf(to, "\n# %s\n",
				kept->ret < 0 ? strerrorname_np(-kept->ret) : "success");
		}
	}
	fclose(to);
	printf("# the last calls of each thread are in %s\n", path);
}

static void fail(const struct call *call, long ret, const char *wrong)
{
	pthread_mutex_lock(&crew->lock);
	crew->failed = true;
	printf("# call: ");
	call_print(stdout, call);
	printf("\n# result: %s", ret < 0 ? strerrorname_np(-ret) : "success");
	if (wrong)
		printf("\n# %s\n", wrong);
	else
		printf(", expected: %s\n", errset_text(errno_table(call) | E(EBADF)));
	fflush(stdout);
	pthread_mutex_unlock(&crew->lock);
}

/* For the calls that want the number of a pin. */
static void note_pin(struct worker *worker)
{
	struct daxlease_query query;
	struct daxlease_record head;

	memcpy(&query, worker->arg.bytes, sizeof(query));
	for (uint32_t at = 0; at < query.used; at += head.size) {
		memcpy(&head, worker->buf.bytes + at, sizeof(head));
		if (head.type == DAXLEASE_RECORD_PIN)
			memcpy(&worker->first_pin, worker->buf.bytes + at +
			       offsetof(struct daxlease_pin_record, id), sizeof(uint64_t));
	}
}

/* What can be said of events whoever may have caused them. */
static const char *events_wrong(const char *buf, long len)
{
	struct daxlease_event event;

	if (!len || len % sizeof(event))
		return "read() returns a part of an event";
	for (long at = 0; at < len; at += sizeof(event)) {
		bool change;

		memcpy(&event, buf + at, sizeof(event));
		change = event.type == DAXLEASE_EVENT_BREAK ||
			 event.type == DAXLEASE_EVENT_RESUMED;
		if (event.size != sizeof(event) || event.reserved || !event.type ||
		    event.type > DAXLEASE_EVENT_OVERFLOW || !event.lease_id || !event.time_ns)
			return "an event that is none";
		if (change != (event.break_id != 0) ||
		    (event.type == DAXLEASE_EVENT_REVOKED) != (event.pin_id != 0) ||
		    (event.type == DAXLEASE_EVENT_BREAK) != (event.deadline_ns != 0) ||
		    (event.type == DAXLEASE_EVENT_OVERFLOW) != (event.lost != 0) ||
		    (event.outcome && event.type != DAXLEASE_EVENT_RESUMED) ||
		    (change && (!event.reason || event.reason >= DAXLEASE_REASON_FORCE)))
			return "an event of another kind than its type says";
	}
	return NULL;
}

/* Of the leases of others, a user is shown the one on the fd at most. */
static const char *view_wrong(const struct worker *worker, uint32_t used)
{
	unsigned int foreign = 0;

	for (uint32_t at = 0; at < used && !worker->root;) {
		struct daxlease_lease_record lease;

		memcpy(&lease, worker->buf.bytes + at, sizeof(lease));
		foreign += lease.type == DAXLEASE_RECORD_LEASE && lease.uid != WORLD_USER;
		at += lease.size;
	}
	return foreign > 1 ? "a user sees the leases of others" : NULL;
}

/* What no user may do or see, whatever others do at the same time. */
static const char *rights_wrong(const struct worker *worker, const struct call *call, long ret)
{
	struct daxlease_openers openers;

	if (worker->root || ret < 0)
		return NULL;
	if (call->op == OP_ACQUIRE && call->arg[A_FILE] == FD_FILE2)
		return "a user leases a file of root";
	if (call->op == OP_FORCE)
		return "a user forces";
	if (call->op == OP_OPENERS && worker->world->mixed && call->arg[A_BUF] != BUF_DAX &&
	    call->arg[A_BUF] != BUF_RACY) {
		memcpy(&openers, worker->arg.bytes, sizeof(openers));
		if (openers.count)
			return "a user sees processes of root";
	}
	return NULL;
}

static const char *answer_wrong(struct worker *worker, const struct call *call, long ret)
{
	struct daxlease_query query;
	struct daxlease_scan scan;
	uint32_t used = 0;
	enum buf arg = call->arg[A_BUF], buf = call->arg[A_RBUF];
	const char *wrong;

	/* Of what is there others may have the last word. */
	if (arg == BUF_DAX || arg == BUF_RACY)
		return NULL;
	/* It is told which lease it was, and that one was given back meanwhile. */
	if (call->op == OP_ATTACH && ret == -ENOENT)
		return NULL;
	wrong = argument_wrong(worker, call, ret);
	if (wrong || ret < 0 || buf == BUF_DAX || buf == BUF_RACY)
		return wrong;
	if (call->op == OP_QUERY) {
		memcpy(&query, worker->arg.bytes, sizeof(query));
		used = query.used;
	} else if (call->op == OP_SCAN) {
		memcpy(&scan, worker->arg.bytes, sizeof(scan));
		used = scan.used;
	} else if (call->op == OP_READ) {
		return events_wrong(worker->buf.bytes, ret);
	} else if (call->op == OP_OPENERS) {
		return place_intact(&worker->buf, call->arg[A_RLEN] & -sizeof(pid_t)) ? NULL :
		       "OPENERS writes beyond its buffer";
	} else {
		return NULL;
	}
	if (!place_intact(&worker->buf, used))
		return "a list is longer than it says";
	wrong = records_wrong(worker->buf.bytes, used, call->arg[A_RLEN]);
	if (!wrong)
		wrong = view_wrong(worker, used);
	if (!wrong && call->op == OP_QUERY)
		note_pin(worker);
	return wrong;
}

static void *work(void *arg)
{
	unsigned int nr = (uintptr_t)arg;
	struct worker *worker = &crew->worker[nr];

	if (worker_enter(worker)) {
		printf("# a thread cannot start\n");
		crew->failed = true;
		return NULL;
	}
	for (int i = 0; i < ROUND && !crew->failed; i++) {
		struct call call = gen_call(&crew->gen[nr], worker);
		const char *wrong = NULL;
		struct kept *kept = &crew->kept[nr][crew->calls[nr]++ % KEPT];
		long ret;

		ret = worker_run(worker, &call);
		*kept = (struct kept) { call, ret };
		if (!((errno_table(&call) | E(EBADF)) & E(ret < 0 ? -ret : 0)))
			fail(&call, ret, NULL);
		else
			wrong = rights_wrong(worker, &call, ret);
		if (!wrong && !crew->failed)
			wrong = answer_wrong(worker, &call, ret);
		if (wrong)
			fail(&call, ret, wrong);
	}
	worker_leave(worker);
	return NULL;
}

/* The lease of a descriptor by its fdinfo; 0: none. */
static uint64_t lease_in(int fd)
{
	char path[64], text[1024], *at;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (read_text(path, text, sizeof(text)) < 0)
		return 0;
	at = strstr(text, "\nlease:\t");
	return at ? strtoull(at + 8, NULL, 10) : 0;
}

static const char *rest_wrong(int watch)
{
	struct truth *truth = &crew->truth;
	uint64_t leases = 0, orphans = 0, pins = 0, pages = 0, told = 0;
	int ret = truth_take(truth, watch);

	if (ret == -EPROTO)
		return records_wrong(truth->buf, truth->used, UINT32_MAX);
	if (ret)
		return "QUERY or STATS failed";
	for (unsigned int i = 0; i < truth->nr; i++) {
		const struct daxlease_lease_record *lease = lease_of(truth->record[i]);
		bool has_fd = false;

		if (!lease) {
			pages += pin_of(truth->record[i])->pages;
			pins++;
			continue;
		}
		leases++;
		told += lease->pins;
		orphans += lease->state == DAXLEASE_STATE_ORPHANED;
		/* Otherwise one may be about to come. */
		if (lease->state == DAXLEASE_STATE_ORPHANED && !lease->pins)
			return "an orphaned lease without pins";
		if (lease->breaking)
			return "a layout change waits, and nobody is there who makes one";
		if (lease->state == DAXLEASE_STATE_RELEASING)
			return "a lease is being released, and nobody is there who does";
		for (int slot = 0; slot < LEASES; slot++)
			has_fd |= lease_in(LEASE_FD + slot) == lease->id;
		if (has_fd != (lease->state == DAXLEASE_STATE_ACTIVE))
			return "a lease without a descriptor, or an orphan with one";
	}
	if (truth->stats.leases != leases || truth->stats.orphaned != orphans ||
	    truth->stats.pins != pins || truth->stats.pinned_pages != pages || told != pins)
		return "STATS and QUERY do not agree";
	return NULL;
}

/* One page that all use as buffer while its protection changes. */
static int share_page(void)
{
	int fd = memfd_create("racy", MFD_CLOEXEC);
	char *page, *alias;

	if (fd < 0 || ftruncate(fd, 2 * PAGE_SZ))
		return -errno;
	page = mmap(NULL, 2 * PAGE_SZ, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_32BIT, fd, 0);
	alias = mmap(NULL, 2 * PAGE_SZ, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (page == MAP_FAILED || alias == MAP_FAILED)
		return -ENOMEM;
	for (int i = 0; i < WORKERS; i++) {
		crew->worker[i].args.racy = page;
		crew->worker[i].args.racy_alias = alias;
		crew->worker[i].data.racy = page;
		crew->worker[i].data.racy_alias = alias;
	}
	return 0;
}

static int one_round(unsigned int threads, int watch)
{
	const char *wrong;

	for (uintptr_t nr = 0; nr < threads; nr++) {
		if (pthread_create(&crew->worker[nr].thread, NULL, work, (void *)nr))
			return -EAGAIN;
	}
	for (unsigned int nr = 0; nr < threads; nr++)
		pthread_join(crew->worker[nr].thread, NULL);
	if (crew->failed)
		return -EBADE;
	wrong = rest_wrong(watch);
	if (wrong) {
		printf("# when all threads rest: %s\n", wrong);
		return -EBADE;
	}
	return 0;
}

int run_threads(struct world *world, const struct run *run)
{
	unsigned int threads = run->threads < WORKERS ? run->threads : WORKERS;
	unsigned long done = 0;
	int ret = 0, watch;

	crew = calloc(1, sizeof(*crew));
	pthread_mutex_init(&crew->lock, NULL);
	for (unsigned int nr = 0; nr < WORKERS && !ret; nr++) {
		ret = worker_init(&crew->worker[nr], world, nr);
		gen_init(&crew->gen[nr], run->seed * WORKERS + nr);
		crew->gen[nr].threads = true;
	}
	if (!ret)
		ret = share_page();
	if (!ret)
		ret = truth_init(&crew->truth);
	watch = dup2(open(LEASE_DEV, O_RDWR | O_CLOEXEC), NO_FD - 1);
	if (!ret && watch < 0)
		ret = -errno;
	while (!ret && done < run->calls) {
		ret = one_round(threads, watch);
		done = 0;
		for (unsigned int nr = 0; nr < threads; nr++)
			done += crew->calls[nr];
		if (done % PROGRESS == 0) {
			printf("# %lu calls\n", done);
			fflush(stdout);
		}
	}
	if (run->verbose)
		results_print(crew->worker, threads);
	if (ret)
		write_calls(run->dump, threads);
	else if (done >= MANY && !results_worked(crew->worker, threads))
		ret = -ENODATA;
	return ret;
}
