// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "account.h"
#include "content.h"
#include "control.h"
#include "lease.h"
#include "worker.h"

#define LEASE_MODULE	"daxlease"
#define DEVICE_MODULE	"daxlease_testdev"

#define REST_US		2000
/* So long nobody has got on with anything: they hang. */
#define STUCK_S		(5 * 60)

static long long foll_base;
/* Keeps the module from being unloaded at a moment when nobody has a lease. */
static int keep = -1;

static int unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

static bool load(const char *dir, const char *path)
{
	char name[PATH_LEN * 2];
	int fd, ret = 0;

	snprintf(name, sizeof(name), "%s/%s", dir, path);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		ret = -errno;
	if (fd >= 0)
		close(fd);
	if (ret)
		fault(FAULT_RULE, "load %s: %s", name, strerror(-ret));
	return !ret;
}

static void start(int i)
{
	struct s_worker *w = &shm->worker[i];
	pid_t pid;

	slot = i;
	worker_prepare();
	slot = -1;
	w->phase = shm->phase;
	w->life++;
	/* Two of them must never think that a slot is empty. */
	model_lock();
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		slot = i;
		close(keep);
		worker_main();
		_exit(0);
	}
	setpgid(pid, pid);
	w->pid = pid;
	model_unlock();
}

/* All of its group, its children's included, which come to this process. */
static void reap(pid_t group)
{
	while (waitpid(-group, NULL, 0) > 0 || errno == EINTR)
		;
}

static void finish(int i, bool by_force)
{
	pid_t pid = shm->worker[i].pid;

	if (!pid)
		return;
	if (!by_force)
		reap(pid);
	/* With the lock held: nobody dies with it, and no one sees half of it. */
	model_lock();
	if (by_force) {
		model_dying(i);
		kill(-pid, SIGKILL);
		reap(pid);
	}
	model_dead(i);
	model_unlock();
}

/* Has one ended that was not told to? */
static void find_dead(void)
{
	for (unsigned int i = 0; i < shm->workers; i++) {
		struct s_worker *w = &shm->worker[i];
		int status;

		if (!w->pid || waitpid(w->pid, &status, WNOHANG) != w->pid)
			continue;
		fault(FAULT_RULE, "worker %u ended by itself, status %x, in %s", i, status,
		      ops[w->ring[w->next_op % RING].what].name);
		if (atomic_load(&shm->lock) == w->pid)
			model_unlock();
		finish(i, true);
		w->next_op++;
		start(i);
	}
}

static uint64_t progress(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < shm->workers; i++)
		sum += shm->worker[i].next_op + shm->worker[i].state;
	return sum;
}

static void say_stuck(void)
{
	char path[64], text[4096];

	for (unsigned int i = 0; i < shm->workers; i++) {
		const struct s_worker *w = &shm->worker[i];

		snprintf(path, sizeof(path), "/proc/%d/stack", w->pid);
		if (w->state == WORKER_DRAINED || read_text(path, text, sizeof(text)) <= 0)
			continue;
		printf("# worker %u, in %s:\n%s", i, ops[w->ring[w->next_op % RING].what].name, text);
	}
	fflush(stdout);
}

/* Waits for all workers, and calls back again and again. */
static bool wait_state(enum worker_state state, void (*meanwhile)(struct rng *), struct rng *rng)
{
	unsigned int i, idle = 0;
	uint64_t last = 0;

	for (;;) {
		for (i = 0; i < shm->workers && shm->worker[i].state >= state; i++)
			;
		if (i == shm->workers)
			return true;
		usleep(REST_US);
		find_dead();
		if (meanwhile)
			meanwhile(rng);
		idle = progress() == last ? idle + 1 : 0;
		last = progress();
		if (idle > STUCK_S * (1000000 / REST_US)) {
			fault(FAULT_RULE, "workers hang");
			say_stuck();
			return false;
		}
	}
}

/* A kill each time that another part of all operations is done. */
static uint64_t next_kill;

static void plan_kill(struct rng *rng)
{
	next_kill += shm->ops / 2 + rng_below(rng, shm->ops);
}

static bool waits(const struct s_worker *w)
{
	return w->doing_change[0] >= 0;
}

static bool is_waited_for(const struct s_worker *w)
{
	for (int i = 0; i < PINS_MAX; i++) {
		const struct s_pin *pin = &shm->pin[i];

		if (pin->state == PIN_HELD && w->dev_fd[pin->dev] >= 0 &&
		    shm->file[pin->file].changing)
			return true;
	}
	return false;
}

/* Rather one who makes others wait, or waits: a look at what may be over in a moment. */
static int whom_to_kill(struct rng *rng)
{
	unsigned int first = rng_below(rng, shm->workers), rather = rng_below(rng, 3);

	for (unsigned int i = 0; rather && i < shm->workers; i++) {
		unsigned int n = (first + i) % shm->workers;

		if (rather == 1 ? waits(&shm->worker[n]) : is_waited_for(&shm->worker[n]))
			return n;
	}
	return first;
}

static void kill_some(struct rng *rng)
{
	int i, ret;

	if (progress() < next_kill)
		return;
	plan_kill(rng);
	printf("# phase %u: %llu of %u operations\n", shm->phase,
	       (unsigned long long)progress(), shm->ops * shm->workers);
	fflush(stdout);
	i = whom_to_kill(rng);
	if (shm->worker[i].state == WORKER_RUNNING) {
		finish(i, true);
		/* What it was killed in is over. */
		shm->worker[i].next_op++;
		start(i);
		did(DID_KILL);
	}
	ret = unload(LEASE_MODULE);
	if (ret != -EWOULDBLOCK && ret != -EBUSY)
		fault(FAULT_RULE, "the module can be unloaded in the middle of it: %d", ret);
}

/* All at rest, with what they have: is it what they should have? */
static bool rest(void)
{
	shm->command = COMMAND_DRAIN;
	if (!wait_state(WORKER_DRAINED, NULL, NULL))
		return false;
	model_lock();
	model_rest();
	model_unlock();
	account_check(foll_base);
	content_check_all();
	return true;
}

static void model_must_be_empty(void)
{
	int i;

	for (i = 0; i < LEASES_MAX; i++) {
		if (shm->lease[i].used)
			fault(FAULT_RULE, "lease entry %d is in use in the end", i);
	}
	for (i = 0; i < PINS_MAX; i++) {
		if (shm->pin[i].state != PIN_FREE)
			fault(FAULT_RULE, "pin entry %d is in use in the end", i);
	}
}

/* Some are killed with all that they have, the others close it. */
static void end_all(struct rng *rng)
{
	unsigned int i;

	for (i = 0; i < shm->workers; i++) {
		if (!rng_below(rng, 3))
			finish(i, true);
	}
	shm->command = COMMAND_END;
	for (i = 0; i < shm->workers; i++)
		finish(i, false);
	close(keep);
	keep = -1;
	model_must_be_empty();
	account_check_empty(foll_base);
	content_check_all();
}

static void kill_all(void)
{
	for (unsigned int i = 0; i < shm->workers; i++) {
		if (shm->worker[i].pid)
			kill(-shm->worker[i].pid, SIGKILL);
	}
}

static bool remount(const struct plan *plan)
{
	int ret;

	/* The last references may go a moment later. */
	for (int i = 0; i < 100; i++) {
		ret = fs_umount(plan->fs);
		if (ret != -EBUSY)
			break;
		usleep(20000);
	}
	if (!ret)
		ret = fs_mount(plan->fs);
	if (ret) {
		fault(FAULT_RULE, "remount: %s", strerror(-ret));
		return false;
	}
	content_check_all();
	return true;
}

/* The device first: it stands on the other. */
static bool reload(const struct plan *plan)
{
	const char *const names[] = { DEVICE_MODULE, LEASE_MODULE };

	for (int i = 0; i < 2; i++) {
		int ret = unload(names[i]);

		if (ret) {
			fault(FAULT_ACCOUNT, "unload %s, which nobody uses: %s", names[i],
			      strerror(-ret));
			return false;
		}
	}
	return load(plan->modules, "daxlease/daxlease.ko") &&
	       load(plan->modules, "testdev/daxlease_testdev.ko");
}

static bool between(const struct plan *plan, struct rng *rng)
{
	end_all(rng);
	if (plan->remount && !remount(plan))
		return false;
	if (plan->modules && !reload(plan))
		return false;
	return true;
}

/* Workers that rest go on when they see the command. */
static void begin(bool anew)
{
	unsigned int i;

	if (anew) {
		keep = lease_open();
		account_begin();
	}
	for (i = 0; i < shm->workers; i++) {
		shm->worker[i].next_op = 0;
		shm->worker[i].phase = shm->phase;
		shm->worker[i].state = WORKER_RUNNING;
	}
	shm->command = COMMAND_RUN;
	for (i = 0; anew && i < shm->workers; i++)
		start(i);
}

bool control_run(const struct plan *plan)
{
	bool running = false;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	foll_base = foll_pins();
	for (shm->phase = 0; shm->phase < plan->phases; shm->phase++) {
		struct rng rng = rng_of(shm->seed, shm->phase, WORKERS_MAX, 0);

		next_kill = 0;
		plan_kill(&rng);
		begin(!running);
		running = true;
		if (!wait_state(WORKER_DONE, kill_some, &rng) || !rest()) {
			kill_all();
			return false;
		}
		/* Every other phase begins with what the one before has left. */
		if (shm->phase % 2 || shm->phase == plan->phases - 1) {
			running = false;
			if (!between(plan, &rng))
				return false;
		}
	}
	return true;
}

void control_resume(int i)
{
	slot = i;
	worker_main();
}
