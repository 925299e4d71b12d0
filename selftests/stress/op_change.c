// SPDX-License-Identifier: GPL-2.0
/* Layout changes, by holders and by others. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "change.h"
#include "content.h"
#include "worker.h"

#define PAGES_MAX	6
/* At most. */
#define IMPATIENCE_US	80000

/* Kernel only. */
#ifndef ERESTARTSYS
#define ERESTARTSYS	512
#endif

/* What a change is in conflict with. */
struct extent_of {
	int file;
	uint64_t first;
	uint64_t end;
	/* It may have turned out to be none, unless something is pinned there. */
	bool may_be_none;
	bool mine;
	bool free;
	/* Nothing there can make it come to nothing: it can all be waited for. */
	bool yields;
	uint64_t events;
};

struct attempt {
	const char *what;
	/* It does not wait for holders. */
	bool nowait;
	/* A signal may end it. */
	unsigned int impatience_us;
	uint64_t start;
	unsigned int nr;
	struct extent_of of[2];
};

static void attempt_add(struct attempt *a, int file, uint64_t first, uint64_t end)
{
	a->of[a->nr++] = (struct extent_of){ .file = file, .first = first, .end = end };
}

/* Only breakable leases, and pins that can be taken back. */
static bool file_yields(int file)
{
	int i;

	for (i = 0; i < LEASES_MAX; i++) {
		const struct s_lease *lease = &shm->lease[i];

		if (lease->used && lease->state != LEASE_NONE && lease->file == file &&
		    !lease->break_ms)
			return false;
	}
	for (i = 0; i < PINS_MAX; i++) {
		const struct s_pin *pin = &shm->pin[i];

		if (pin->state != PIN_FREE && pin->file == file &&
		    !(pin->state == PIN_HELD && pin->revocable))
			return false;
	}
	return true;
}

static void attempt_begin(struct attempt *a)
{
	model_lock();
	a->start = ++shm->now;
	for (unsigned int i = 0; i < a->nr; i++) {
		struct extent_of *of = &a->of[i];
		struct s_file *file = &shm->file[of->file];

		file->changing++;
		file->changes++;
		me->doing_change[i] = of->file;
		of->mine = file_mine(of->file);
		of->yields = file_yields(of->file);
		of->free = !file_has_leases(of->file) && !file_has_pins(of->file);
		of->events = file->events;
	}
	model_unlock();
}

/* No exclusive lease, and no pin, that was there all the time can have let it through. */
static void check_success(const struct attempt *a, const struct extent_of *of)
{
	int i;

	for (i = 0; i < LEASES_MAX && !of->may_be_none; i++) {
		const struct s_lease *lease = &shm->lease[i];

		if (lease_certain(lease) && !lease->break_ms && lease->file == of->file &&
		    lease->since < a->start && lease->first < of->end &&
		    of->first < lease->end && !lease_mine(lease))
			fault(FAULT_RULE, "%s of file %d pages %llu on went through lease %llu",
			      a->what, of->file, (unsigned long long)of->first,
			      (unsigned long long)lease->id);
	}
	for (i = 0; i < PINS_MAX; i++) {
		const struct s_pin *pin = &shm->pin[i];

		if (pin_certain(pin) && pin->file == of->file && pin->since < a->start &&
		    pin->first < of->end && of->first < pin->first + pin->nr)
			fault(FAULT_RULE, "%s of file %d pages %llu on went through pin P%d.%u",
			      a->what, of->file, (unsigned long long)of->first, i, pin->nonce);
	}
}

/* What a signal does; FIDEDUPERANGE tells the kernel's own number. */
static bool interrupted(int ret)
{
	return ret == -EINTR || ret == -ERESTARTSYS;
}

static int attempt_end(struct attempt *a, int ret)
{
	bool mine = false, reason = false, hard_reason = false;
	unsigned int i;

	model_lock();
	for (i = 0; i < a->nr; i++) {
		struct extent_of *of = &a->of[i];
		struct s_file *file = &shm->file[of->file];

		file->changing--;
		file->changes++;
		me->doing_change[i] = -1;
		mine |= of->mine;
		reason |= !of->free || of->events != file->events;
		hard_reason |= !of->yields || of->events != file->events;
		if (!ret)
			check_success(a, of);
	}
	if (ret == -ETXTBSY && !reason)
		fault(FAULT_RULE, "%s of file %d: ETXTBSY, and there is no lease and no pin",
		      a->what, a->of[0].file);
	else if (ret == -ETXTBSY && !hard_reason)
		fault(FAULT_RULE, "%s of file %d: ETXTBSY, and all pins can be taken back",
		      a->what, a->of[0].file);
	if (ret == -EAGAIN && a->nowait && !reason)
		fault(FAULT_RULE, "%s of file %d: EAGAIN, and there is no pin", a->what,
		      a->of[0].file);
	if (ret == -EDEADLK && !mine)
		fault(FAULT_RULE, "%s of file %d: EDEADLK, and the caller holds no lease", a->what,
		      a->of[0].file);
	model_unlock();
	if (!(a->impatience_us && interrupted(ret)) && !(a->nowait && ret == -EAGAIN))
		EXPECTED(a->what, ret, -ETXTBSY, -EDEADLK, -ENOSPC, -EINVAL, -ESTALE, -EBUSY);
	if (interrupted(ret))
		did(DID_INTERRUPT);
	if (!ret)
		did(DID_CHANGE);
	else if (ret == -ETXTBSY || ret == -EDEADLK)
		did(DID_CHANGE_REFUSED);
	return ret;
}

static int attempt_run(struct attempt *a, peer_fn fn, struct change *c)
{
	int ret;

	attempt_begin(a);
	if (a->impatience_us)
		impatient(a->impatience_us);
	ret = fn(c);
	impatient(0);
	return attempt_end(a, ret);
}

/* Some do not wait for long; begins to describe it. */
static struct attempt attempt_of(struct rng *rng, const char *what)
{
	unsigned int us = 1000 + rng_below(rng, IMPATIENCE_US);
	bool patient = rng_below(rng, 2);

	return (struct attempt){ .what = what, .impatience_us = patient ? 0 : us };
}

/* By the descriptor, so that it is this file for certain. */
static void path_of_fd(int fd, char *path)
{
	snprintf(path, PATH_LEN, "/proc/self/fd/%d", fd);
}

static struct change change_of_file(int file, unsigned int first, unsigned int nr)
{
	char path[PATH_LEN];

	path_of_fd(me->file_fd[file], path);
	note(file, first, nr);
	return change_of(path, NULL, first * PAGE_SZ, nr * PAGE_SZ);
}

/*
 * Half of the time a file whose lease this process has a share in: only its
 * holders can change it, and only they can meet a pin in the making.
 */
static int file_to_change(struct rng *rng)
{
	unsigned int start = rng_below(rng, LEASES_MAX), other = rng_below(rng, 2);

	for (int i = 0; !other && i < LEASES_MAX; i++) {
		const struct s_lease *lease = &shm->lease[(start + i) % LEASES_MAX];
		int file = lease->file;

		if (lease->used && lease->state == LEASE_HELD && file >= 0 && lease_mine(lease) &&
		    me->file_fd[file] >= 0)
			return file;
	}
	return file_any(rng);
}

static int change_at(struct attempt *a, peer_fn fn, int file, unsigned int first,
		     unsigned int nr, bool to_end)
{
	struct change c = change_of_file(file, first, nr);

	attempt_add(a, file, first, to_end ? TO_INFINITY : first + nr);
	return attempt_run(a, fn, &c);
}

int punch(int file, unsigned int first, unsigned int nr)
{
	return punch_hasty(NULL, file, first, nr);
}

int punch_hasty(struct rng *rng, int file, unsigned int first, unsigned int nr)
{
	struct attempt a = { .what = "punch" };

	if (rng)
		a = attempt_of(rng, a.what);
	return change_at(&a, change_punch, file, first, nr, false);
}

static int change(struct rng *rng, const char *what, peer_fn fn, bool to_end, bool moves)
{
	unsigned int first = rng_below(rng, FILE_PAGES), nr = 1 + rng_below(rng, PAGES_MAX);
	struct attempt a = attempt_of(rng, what);
	int file = file_to_change(rng);

	if (file < 0 || (moves && !file_movable(file)))
		return SKIPPED;
	if (first + nr > FILE_PAGES)
		nr = FILE_PAGES - first;
	return change_at(&a, fn, file, first, nr, to_end);
}

int op_punch(struct rng *rng)
{
	return change(rng, "punch", change_punch, false, false);
}

int op_zero(struct rng *rng)
{
	return change(rng, "zero", change_zero, false, false);
}

int op_collapse(struct rng *rng)
{
	return change(rng, "collapse", change_collapse, true, true);
}

int op_unshare(struct rng *rng)
{
	return change(rng, "unshare", change_unshare, false, false);
}

int op_insert(struct rng *rng)
{
	int file = file_any(rng);
	struct stat st;

	if (file < 0 || !file_movable(file) || fstat(me->file_fd[file], &st) ||
	    st.st_size > (off_t)((FILE_PAGES - PAGES_MAX) * PAGE_SZ))
		return SKIPPED;
	return change(rng, "insert", change_insert, true, true);
}

static int whole(struct rng *rng, const char *what, peer_fn fn, bool nowait)
{
	struct attempt a = attempt_of(rng, what);
	int file = file_any(rng);
	struct change c;

	if (file < 0)
		return SKIPPED;
	a.nowait = nowait;
	c = change_of_file(file, 0, 0);
	attempt_add(&a, file, 0, TO_INFINITY);
	return attempt_run(&a, fn, &c);
}

int op_open_trunc(struct rng *rng)
{
	return whole(rng, "open with O_TRUNC", change_open_trunc, false);
}

int op_dax_flag(struct rng *rng)
{
	return whole(rng, "DAX flag", change_dax_flag, true);
}

int op_repair(struct rng *rng)
{
	return whole(rng, "repair", change_repair, false);
}

int op_truncate(struct rng *rng)
{
	unsigned int to = rng_below(rng, FILE_PAGES + 1);
	bool by_path = rng_below(rng, 2), empty = !rng_below(rng, 8);
	struct attempt a = attempt_of(rng, "truncate");
	int file = file_to_change(rng);
	struct change c;

	if (file < 0)
		return SKIPPED;
	if (empty)
		to = 0;
	else if (to < FILE_PAGES / 2)
		/* More often there is something to pin. */
		to += FILE_PAGES / 2;
	c = change_of_file(file, to, 0);
	attempt_add(&a, file, to, TO_INFINITY);
	/* It may be the size already, or below. */
	a.of[0].may_be_none = to;
	return attempt_run(&a, by_path ? change_truncate : change_ftruncate, &c);
}

int op_exchange(struct rng *rng)
{
	unsigned int first = rng_below(rng, FILE_PAGES), nr = 1 + rng_below(rng, PAGES_MAX);
	int file = file_to_change(rng), other = file_any(rng);
	struct attempt a = attempt_of(rng, "exchange");
	struct change c;

	if (file < 0 || other < 0 || file == other || !file_movable(file) ||
	    !file_movable(other))
		return SKIPPED;
	c = change_of_file(file, first, nr);
	path_of_fd(me->file_fd[other], c.other);
	attempt_add(&a, file, first, first + nr);
	attempt_add(&a, other, first, first + nr);
	return attempt_run(&a, change_exchange_1, &c);
}

/* A clone that was made of a movable file, for what may go into one. */
static int with_clone(struct rng *rng, const char *what, peer_fn fn)
{
	unsigned int first = rng_below(rng, FILE_PAGES), nr = 1 + rng_below(rng, PAGES_MAX);
	unsigned int n = rng_below(rng, CLONES);
	struct attempt a = attempt_of(rng, what);
	int file = file_to_change(rng);
	struct change c;

	if (file < 0 || !file_movable(file) || me->clone[n].state != VICTIM_FULL ||
	    !me->clone[n].movable)
		return SKIPPED;
	c = change_of_file(file, first, nr);
	clone_path(slot, n, c.other);
	attempt_add(&a, file, first, first + nr);
	return attempt_run(&a, fn, &c);
}

int op_reflink_to(struct rng *rng)
{
	return with_clone(rng, "reflink to", change_reflink_to);
}

int op_dedupe(struct rng *rng)
{
	return with_clone(rng, "dedupe", rng_below(rng, 2) ? change_dedupe_to : change_dedupe_from);
}

int op_clone_check(struct rng *rng)
{
	unsigned int n = rng_below(rng, CLONES);

	note(n, 0, 0);
	if (me->clone[n].state != VICTIM_FULL)
		return SKIPPED;
	if (!clone_check(slot, n))
		me->clone[n].state = VICTIM_FILLING;
	return 0;
}

/* The clone is what its source was: nothing else can be in it. */
static int clone_finish(struct s_clone *clone, int fd, int file)
{
	char page[PAGE_SZ];
	unsigned int p;

	for (p = 0; p < FILE_PAGES && pread(fd, page, PAGE_SZ, p * PAGE_SZ) == PAGE_SZ; p++) {
		if (!leased_check(file, p, page))
			break;
	}
	if (!clone_sum(fd, &clone->sum, &clone->size))
		return -EIO;
	clone->movable = file_movable(file);
	clone->state = VICTIM_FULL;
	return 0;
}

int op_clone(struct rng *rng)
{
	unsigned int n = rng_below(rng, CLONES);
	struct s_clone *clone = &me->clone[n];
	struct attempt a = attempt_of(rng, "clone");
	int file = file_to_change(rng), fd, ret;
	struct change c;

	if (file < 0)
		return SKIPPED;
	c = change_of_file(file, 0, 0);
	clone_path(slot, n, c.other);
	if (clone->state == VICTIM_FULL)
		clone_check(slot, n);
	clone->state = VICTIM_FILLING;
	unlink(c.other);
	fd = open(c.other, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		EXPECTED("create a clone", -errno, -ENOSPC);
		return -ENOSPC;
	}
	attempt_add(&a, file, 0, TO_INFINITY);
	ret = attempt_run(&a, change_reflink_from, &c);
	if (!ret)
		ret = clone_finish(clone, fd, file);
	close(fd);
	return ret;
}
