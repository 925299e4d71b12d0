// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault.h"
#include "fault_nth.h"
#include "lease.h"
#include "util.h"

#define INJECT_DEV	"/dev/daxlease-inject"
#define MODULE_REFS	"/sys/module/daxlease/refcnt"

/* A run without a fault may be one that happened to allocate less. */
#define LAST_RUNS	3

/* Whoever watches is to see that something goes on. */
#define PROGRESS	50

/* More faults than any operation has: the sweep does not come to its end. */
#define MAX_FAULTS	20000

#define ALLOCATOR(_name, _arg) \
	{ .name = _name, .flags = INJECT_GFP | INJECT_OPTIONAL, .arg = _arg }

/* Those that others are made of need not be here. */
static const struct inject_func allocators[] = {
	ALLOCATOR("krealloc_node_align_noprof", 3),
	ALLOCATOR("vrealloc_node_align_noprof", 3),
	ALLOCATOR("kvrealloc_node_align_noprof", 3),
	ALLOCATOR("__kvmalloc_node_noprof", 2),
	ALLOCATOR("__kmalloc_cache_noprof", 1),
	ALLOCATOR("__kmalloc_noprof", 1),
	ALLOCATOR("__kmalloc_node_track_caller_noprof", 1),
	ALLOCATOR("kmem_cache_alloc_noprof", 1),
	ALLOCATOR("kmem_cache_alloc_lru_noprof", 2),
	ALLOCATOR("pcpu_alloc_noprof", 3),
	ALLOCATOR("get_free_pages_noprof", 0),
	ALLOCATOR("__alloc_frozen_pages_noprof", 0),
};

/* A byte is left, they say; none is copied. */
static const struct inject_func copies[] = {
	FAULT_FUNC("_copy_from_user", 1),
	FAULT_FUNC("_copy_to_user", 1),
};

/* What is injected, by which of the two. */
struct sweep {
	const struct fault_op *op;
	int dev;
	int nth;
	bool kill;
};

struct state {
	uint64_t leases;
	uint64_t orphaned;
	uint64_t pins;
	uint64_t pinned_pages;
	long long foll_pins;
	long refs;
};

static long module_refs(void)
{
	char text[32];

	return read_text(MODULE_REFS, text, sizeof(text)) < 0 ? -1 : atol(text);
}

static void state_take(struct state *state, long long pins)
{
	struct daxlease_stats stats;

	memset(state, 0, sizeof(*state));
	/* Where the module is not there, so are its leases. */
	if (!lease_stats(&stats)) {
		state->leases = stats.leases;
		state->orphaned = stats.orphaned;
		state->pins = stats.pins;
		state->pinned_pages = stats.pinned_pages;
	}
	state->foll_pins = pins;
	state->refs = module_refs();
}

static bool state_same(void *arg)
{
	struct state now;

	state_take(&now, foll_pins_now());
	return !memcmp(&now, arg, sizeof(now));
}

/* What is put off until a task is gone, or by a worker, may take a moment. */
static bool state_restored(const struct sweep *sweep, unsigned int n, struct state *before)
{
	struct state now;

	if (wait_until(state_same, before))
		return true;
	state_take(&now, foll_pins());
	printf("# %s, fault %u: left behind: leases %llu -> %llu, orphaned %llu -> %llu, pins %llu -> %llu, pages %llu -> %llu, FOLL_PIN %lld -> %lld, module %ld -> %ld\n",
	       sweep->op->name, n,
	       (unsigned long long)before->leases, (unsigned long long)now.leases,
	       (unsigned long long)before->orphaned, (unsigned long long)now.orphaned,
	       (unsigned long long)before->pins, (unsigned long long)now.pins,
	       (unsigned long long)before->pinned_pages, (unsigned long long)now.pinned_pages,
	       before->foll_pins, now.foll_pins, before->refs, now.refs);
	return false;
}

static int arm(const struct sweep *sweep, unsigned int n)
{
	if (!n)
		return 0;
	if (sweep->dev >= 0)
		return ioctl(sweep->dev, INJECT_ARM, (unsigned long)n) ? -errno : 0;
	return fault_nth_arm(sweep->nth, n);
}

static int stop(const struct sweep *sweep, struct inject_result *result)
{
	memset(result, 0, sizeof(*result));
	if (sweep->dev >= 0)
		return ioctl(sweep->dev, INJECT_STOP, result) ? -errno : 0;
	snprintf(result->name, sizeof(result->name), "fail-nth");
	result->hit = fault_nth_stop(sweep->nth);
	return 0;
}

static bool allowed(const struct fault_op *op, long ret)
{
	const int *errnos = op->errnos;

	for (; errnos && *errnos; errnos++) {
		if (ret == -*errnos)
			return true;
	}
	return false;
}

/* One run, with the nth call failing; 0: none.  Whether there was one, or -errno. */
static int run_once(const struct sweep *sweep, unsigned int n)
{
	const struct fault_op *op = sweep->op;
	struct inject_result result = { 0 };
	long ret, err;

	ret = op->setup ? op->setup(op->arg) : 0;
	if (ret) {
		printf("# %s, before fault %u: setup: %s\n", op->name, n, strerror(-ret));
		return -EPROTO;
	}
	err = arm(sweep, n);
	if (err)
		return err;
	ret = op->run(op->arg);
	if (n) {
		err = stop(sweep, &result);
		if (err)
			return err;
	}
	err = op->cleanup ? op->cleanup(op->arg, ret) : 0;
	if (err) {
		printf("# %s, fault %u (%s), result %ld: afterwards: %s\n",
		       op->name, n, result.name, ret, strerror(-err));
		return -EPROTO;
	}
	if (ret != op->clean && !(result.hit && allowed(op, ret))) {
		printf("# %s, fault %u (%s): result %ld (%s), which is not in the table\n",
		       op->name, n, result.hit ? result.name : "none", ret, strerror(-ret));
		return -EPROTO;
	}
	return result.hit;
}

/* One run by a task that is killed at the nth call. */
static int run_killed(const struct sweep *sweep, unsigned int n)
{
	const struct fault_op *op = sweep->op;
	struct inject_result result;
	int status;
	pid_t pid;
	long ret;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		if ((op->setup && op->setup(op->arg)) || arm(sweep, n))
			_exit(2);
		ret = op->run(op->arg);
		if (stop(sweep, &result))
			_exit(2);
		_exit(ret != op->clean || (op->cleanup && op->cleanup(op->arg, ret)));
	}
	if (waitpid(pid, &status, 0) != pid || stop(sweep, &result))
		return -errno;
	/* Killed if and only if it came so far. */
	if (result.hit ? !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL : status) {
		printf("# %s, kill %u (%s): ended with status %#x\n", op->name, n,
		       result.hit ? result.name : "none", status);
		return -EPROTO;
	}
	ret = op->reap && result.hit ? op->reap(op->arg) : 0;
	if (ret) {
		printf("# %s, kill %u (%s): afterwards: %s\n", op->name, n, result.name,
		       strerror(-ret));
		return -EPROTO;
	}
	return result.hit;
}

static int run_all(const struct sweep *sweep)
{
	const struct fault_op *op = sweep->op;
	int hit, faults = 0, last = 0;
	struct state before;
	unsigned int n;

	/* Once for the caches that stay. */
	hit = run_once(sweep, 0);
	if (hit < 0)
		return hit;
	state_take(&before, foll_pins());
	for (n = 1; last < LAST_RUNS; n++) {
		hit = sweep->kill ? run_killed(sweep, n) : run_once(sweep, n);
		if (hit < 0)
			return hit;
		if (!state_restored(sweep, n, &before))
			return -EPROTO;
		faults += hit;
		last = hit ? 0 : last + 1;
		if (!hit)
			continue;
		if (faults % PROGRESS == 0) {
			printf("# %s: %d so far\n", op->name, faults);
			fflush(stdout);
		}
		/* And now it works. */
		hit = run_once(sweep, 0);
		if (hit < 0)
			return hit;
		if (!state_restored(sweep, n, &before))
			return -EPROTO;
		if (n > MAX_FAULTS) {
			printf("# %s: still faults after %u\n", op->name, n);
			return -EPROTO;
		}
	}
	printf("# %s: %d %s\n", op->name, faults,
	       sweep->kill ? "kills" : sweep->dev < 0 ? "faults by fail-nth" : "faults");
	return faults;
}

static void add(struct inject_setup *setup, const struct inject_func *func, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr && func[i].name[0] && setup->nr < INJECT_FUNCS; i++)
		setup->func[setup->nr++] = func[i];
}

int fault_sweep(const struct fault_op *op, const struct fault_set *set)
{
	struct sweep sweep = { .op = op, .nth = -1, .kill = set->kill };
	struct inject_setup *setup;
	int ret;

	sweep.dev = open(INJECT_DEV, O_RDWR | O_CLOEXEC);
	if (sweep.dev < 0)
		return -errno;
	setup = calloc(1, sizeof(*setup));
	if (!setup) {
		ret = -ENOMEM;
		goto out;
	}
	if (set->memory)
		add(setup, allocators, sizeof(allocators) / sizeof(allocators[0]));
	if (set->copies)
		add(setup, copies, sizeof(copies) / sizeof(copies[0]));
	if (set->func)
		add(setup, set->func, INJECT_FUNCS);
	if (set->window)
		snprintf(setup->window, sizeof(setup->window), "%s", set->window);
	setup->kill = set->kill;
	ret = ioctl(sweep.dev, INJECT_SETUP, setup) ? -errno : 0;
	free(setup);
	if (ret) {
		printf("# %s: no such functions: %s\n", op->name, strerror(-ret));
		ret = -EPROTO;
		goto out;
	}
	ret = run_all(&sweep);
out:
	close(sweep.dev);
	return ret;
}

int fault_sweep_nth(const struct fault_op *op)
{
	struct sweep sweep = { .op = op, .dev = -1 };
	int ret;

	sweep.nth = fault_nth_open();
	if (sweep.nth < 0)
		return sweep.nth;
	ret = run_all(&sweep);
	close(sweep.nth);
	return ret;
}
