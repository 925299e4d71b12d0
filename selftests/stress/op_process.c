// SPDX-License-Identifier: GPL-2.0
/* fork() passes a lease on to nobody, execve() keeps it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker.h"

#define PROGRAM		"/proc/self/exe"

/* So few that they meet. */
#define DUEL_PAGES	4
#define DUEL_ROUNDS	16
/* At most; so long a change leaves pages mapped. */
#define DUEL_PAUSE_US	3000

void begin_child(void)
{
	pid_t parent = self;

	child = true;
	child_lease = -1;
	self = getpid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Of a parent that is gone already no signal comes. */
	if (getppid() != parent)
		_exit(0);
}

/*
 * A child that pins: without a lease it must not, with one the pin outlives it,
 * as the parent has the device too.  pin_pages() judges.
 */
static void child_main(struct rng *rng, int file, int lease, int dev)
{
	begin_child();
	if (file >= 0 && dev >= 0)
		pin_pages(rng, file, dev);
	if (file >= 0)
		op_punch(rng);
	if (lease < 0 || attach(lease) || child_lease < 0)
		return;
	file = shm->lease[lease].file;
	if (file < 0 || me->file_fd[file] < 0)
		return;
	if (dev >= 0)
		pin_pages(rng, file, dev);
	op_punch(rng);
}

int wait_child(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		fault(FAULT_RULE, "a child ended with status %x", status);
	return status ? -ECHILD : 0;
}

/* With the lock held: it does not die with it, and no one sees half of it. */
void kill_child(pid_t pid)
{
	model_lock();
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	model_change_over(me);
	model_unlock();
}

int op_fork(struct rng *rng)
{
	int file = file_any(rng), lease = lease_any(rng), dev = dev_any(rng, false);
	pid_t pid;

	note(file, lease, dev);
	pid = fork();
	if (!pid) {
		child_main(rng, file, lease, dev);
		_exit(0);
	}
	return pid < 0 ? -errno : wait_child(pid);
}

/*
 * Two holders of one lease: one pins and has the device write, the other one
 * changes the layout.  Only so a change is not refused for the lease alone, and
 * can meet a pin in the making.
 */
int op_duel(struct rng *rng)
{
	int file = file_create_any(rng_below(rng, FILES_MAX), DUEL_PAGES, FILES_MAX);
	int lease = lease_make(), dev = dev_make(rng), i;
	pid_t pid = -1;

	if (file < 0 || lease < 0 || dev < 0)
		goto out;
	/* For these two alone. */
	file_unlink(file);
	if (acquire(lease, file, 0, TO_INFINITY, 0))
		goto out;
	me->duelling = true;
	pid = fork();
	if (!pid) {
		begin_child();
		if (attach(lease))
			_exit(0);
		while (me->duelling) {
			punch(file, rng_below(rng, DUEL_PAGES - 1), 2);
			usleep(rng_below(rng, DUEL_PAUSE_US));
		}
		_exit(0);
	}
	for (i = 0; i < DUEL_ROUNDS; i++)
		pin_use(file, dev, rng_below(rng, DUEL_PAGES - 1), 2);
	me->duelling = false;
	if (pid > 0)
		wait_child(pid);
out:
	if (lease >= 0)
		lease_close(lease);
	if (file >= 0)
		file_close(file);
	return pid > 0 ? 0 : SKIPPED;
}

/* Some descriptors do not go on. */
static void drop_by_exec(struct rng *rng)
{
	int i;

	model_lock();
	for (i = 0; i < LEASES_MAX; i++) {
		if (me->lease_fd[i] < 0 || rng_below(rng, 4))
			continue;
		shm->lease[i].owners &= ~MY_BIT;
		shm->lease[i].closing++;
		lease_event(&shm->lease[i]);
		me->exec_leases |= 1ULL << i;
		fcntl(me->lease_fd[i], F_SETFD, FD_CLOEXEC);
		me->lease_fd[i] = -1;
	}
	for (i = 0; i < DEVS_MAX; i++) {
		if (me->dev_fd[i] < 0 || (!shm->dev[i].rdma && rng_below(rng, 4)))
			continue;
		dev_leave(&shm->dev[i]);
		me->exec_devs |= 1ULL << i;
		fcntl(me->dev_fd[i], F_SETFD, FD_CLOEXEC);
		me->dev_fd[i] = -1;
	}
	model_unlock();
}

void exec_finish(void)
{
	int i;

	/* A child that is still there is called off. */
	me->duelling = false;
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	model_lock();
	for (i = 0; i < LEASES_MAX; i++) {
		if (me->exec_leases & 1ULL << i) {
			shm->lease[i].closing--;
			lease_settle(&shm->lease[i]);
		}
	}
	for (i = 0; i < DEVS_MAX; i++) {
		if (me->exec_devs & 1ULL << i) {
			shm->dev[i].closing--;
			dev_settle(&shm->dev[i]);
		}
	}
	me->exec_leases = 0;
	me->exec_devs = 0;
	model_unlock();
}

int op_exec(struct rng *rng)
{
	char number[16];

	drop_by_exec(rng);
	snprintf(number, sizeof(number), "%d", slot);
	/* It goes on with the next operation. */
	me->ring[me->next_op % RING].ret = 0;
	me->next_op++;
	did(DID_EXEC);
	execl(PROGRAM, "stress", "--resume", number, NULL);
	fault(FAULT_RULE, "execve: %s", strerror(errno));
	_exit(1);
}
