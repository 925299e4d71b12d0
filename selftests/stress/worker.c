// SPDX-License-Identifier: GPL-2.0
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "worker.h"

pid_t self;

void note(int object, long arg0, long arg1)
{
	struct ring_entry *entry = &me->ring[me->next_op % RING];

	entry->object = object;
	entry->arg[0] = arg0;
	entry->arg[1] = arg1;
}

bool expected(const char *what, int ret, const int *list)
{
	if (!ret)
		return true;
	for (; *list; list++) {
		if (ret == *list)
			return true;
	}
	fault(FAULT_RULE, "%s: %s", what, strerror(-ret));
	return false;
}

void worker_prepare(void)
{
	int i;

	me->state = WORKER_RUNNING;
	me->doing_pin = -1;
	me->doing_acquire = -1;
	me->doing_release = -1;
	me->doing_events = -1;
	me->doing_force = -1;
	me->doing_change[0] = -1;
	me->doing_change[1] = -1;
	me->closing_lease = -1;
	me->closing_dev = -1;
	me->exec_leases = 0;
	me->exec_devs = 0;
	for (i = 0; i < LEASES_MAX; i++)
		me->lease_fd[i] = -1;
	for (i = 0; i < DEVS_MAX; i++)
		me->dev_fd[i] = -1;
	for (i = 0; i < FILES_MAX; i++)
		me->file_fd[i] = -1;
}

static const struct op *choose(struct rng *rng)
{
	static unsigned int total;
	unsigned int at;
	int i;

	if (!total) {
		for (i = 0; i < nr_ops; i++)
			total += ops[i].weight;
	}
	at = rng_below(rng, total);
	for (i = 0; at >= ops[i].weight; i++)
		at -= ops[i].weight;
	return &ops[i];
}

/* Some of them: it takes them a while to begin. */
bool worker_has_rdma(void)
{
	return shm->rdma && slot % 3 == 0;
}

static bool possible(const struct op *op)
{
	switch (op->needs) {
	case NEEDS_XFS:
		return shm->xfs;
	case NEEDS_TRANSIENT:
		return shm->transient;
	case NEEDS_RDMA:
		return worker_has_rdma();
	default:
		return true;
	}
}

static void run_one(void)
{
	struct rng rng = rng_of(shm->seed, me->phase, slot, me->next_op);
	struct ring_entry *entry = &me->ring[me->next_op % RING];
	const struct op *op = choose(&rng);
	int ret = SKIPPED;

	*entry = (struct ring_entry){ .op = me->next_op, .what = op - ops, .ret = SKIPPED };
	if (possible(op))
		ret = op->fn(&rng);
	entry->ret = ret;
	me->tried[op - ops] += ret != SKIPPED;
	me->succeeded[op - ops] += !ret;
	me->next_op++;
}

/* Closes everything, in an order of its own. */
static void close_all(void)
{
	struct rng rng = rng_of(shm->seed, me->phase, slot, UINT64_MAX);
	int order[LEASES_MAX + DEVS_MAX + FILES_MAX], i, j, n = 0;

	for (i = 0; i < LEASES_MAX + DEVS_MAX + FILES_MAX; i++)
		order[n++] = i;
	for (i = n - 1; i > 0; i--) {
		int t = order[i];

		j = rng_below(&rng, i + 1);
		order[i] = order[j];
		order[j] = t;
	}
	for (i = 0; i < n; i++) {
		int what = order[i];

		if (what < LEASES_MAX)
			lease_close(what);
		else if (what < LEASES_MAX + DEVS_MAX)
			dev_close(what - LEASES_MAX);
		else
			file_close(what - LEASES_MAX - DEVS_MAX);
	}
}

static void rest(void)
{
	usleep(1000);
}

static bool run_phase(void)
{
	while (me->next_op < shm->ops) {
		inbox_receive();
		run_one();
	}
	me->state = WORKER_DONE;
	while (shm->command == COMMAND_RUN)
		rest();
	while (inbox_receive())
		;
	/* No layout change is under way any more: this is all that there will be. */
	events_take_all();
	me->state = WORKER_DRAINED;
	while (shm->command == COMMAND_DRAIN)
		rest();
	return shm->command != COMMAND_END;
}

void worker_main(void)
{
	struct sigaction bus = { .sa_handler = on_sigbus };

	self = getpid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGBUS, &bus, NULL);
	exec_finish();
	while (run_phase())
		;
	close_all();
}
