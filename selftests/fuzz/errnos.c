// SPDX-License-Identifier: GPL-2.0
/*
 * What each call may return, whatever the state: the tables of
 * Documentation/uapi*.rst, without what cannot happen here.  EINTR of ACQUIRE is for
 * those that are killed, and nobody here has as many leases as the limit allows.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "exec.h"

static errset other_table(enum other what)
{
	switch (what) {
	case OTHER_READ:
	case OTHER_PREAD:
		/* There is no room for an event. */
	case OTHER_WRITE:
	case OTHER_FTRUNCATE:
	case OTHER_SPLICE:
		/* EBADF: not open for that. */
		return E(EINVAL) | E(EBADF);
	case OTHER_FALLOCATE:
		return E(ENODEV) | E(EBADF);
	case OTHER_MMAP:
		return E(ENODEV) | E(EACCES);
	case OTHER_LSEEK:
		return E(ESPIPE);
	case OTHER_FSYNC:
		return E(EINVAL);
	case OTHER_SETLEASE:
		/* EACCES: of somebody else's node. */
		return E(EINVAL) | E(EACCES);
	case OTHER_FLOCK:
		/* EAGAIN: another thread has it, by another file of the same node. */
		return OK | E(EAGAIN);
	case OTHER_FIONREAD:
		return E(ENOTTY);
	default:
		return OK;
	}
}

errset errno_table(const struct call *call)
{
	const errset argument = OK | E(EINVAL) | E(EFAULT);

	switch (call->op) {
	case OP_ACQUIRE:
		return argument | E(EBADF) | E(EOPNOTSUPP) | E(EACCES) | E(EBUSY) | E(EAGAIN) |
		       E(ERANGE);
	case OP_ATTACH:
		return argument | E(ENOENT);
	case OP_RELEASE:
		return argument | E(ENOENT) | E(EBUSY) | E(EINTR);
	case OP_QUERY:
	case OP_STATS:
		return argument;
	case OP_SCAN:
		return argument | E(EBADF) | E(EOPNOTSUPP);
	case OP_READ:
		/* EBADF: not open for that. */
		return argument | E(EAGAIN) | E(EINTR) | E(ENOENT) | E(EBADF);
	case OP_POLL:
		return OK | E(EINTR);
	case OP_OPENERS:
		return argument | E(ENOENT);
	case OP_FORCE:
		return argument | E(EPERM) | E(EBADF) | E(EOPNOTSUPP);
	case OP_UNKNOWN:
		return E(ENOTTY);
	case OP_OTHER:
		return other_table(call->arg[A_WHAT]);
	case OP_FDINFO:
		return OK | E(ENOENT);
	case OP_PIN:
		return argument | E(EOPNOTSUPP) | E(EAGAIN);
	case OP_UNPIN:
		return OK | E(ENOENT);
	case OP_DMA:
		return argument | E(ENOENT) | E(EACCES) | E(ERANGE) | E(EKEYREVOKED);
	case OP_CHANGE:
	case OP_FOREIGN:
		return OK | E(EINVAL) | E(ETXTBSY) | E(EDEADLK) | E(EINTR);
	case OP_GIVE:
		return OK | E(ENOENT);
	default:
		return OK;
	}
}

const char *errset_text(errset set)
{
	static __thread char text[256];
	size_t used = 0;

	text[0] = 0;
	for (int nr = 0; nr < NR_ERRNOS; nr++) {
		if (nr != 41 && set & E(nr))
			used += snprintf(text + used, sizeof(text) - used, "%s%s", used ? ", " : "",
					 nr ? strerrorname_np(nr) : "success");
		if (used >= sizeof(text))
			break;
	}
	return text;
}

static unsigned int times(const struct worker *workers, unsigned int nr, int op, int error)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < nr; i++)
		sum += workers[i].results[op][error];
	return sum;
}

void results_print(const struct worker *workers, unsigned int nr)
{
	for (int op = 0; op < NR_OPS; op++) {
		printf("# %-10s", call_name(op));
		for (int error = 0; error < NR_ERRNOS; error++) {
			unsigned int sum = times(workers, nr, op, error);

			if (sum)
				printf(" %s %u", error ? strerrorname_np(error) : "success", sum);
		}
		putchar('\n');
	}
}

/* What a run of one thread has to have met. */
static errset wanted(const struct worker *worker, enum op op)
{
	struct call call = call_of(op);
	errset set = errno_table(&call);

	switch (op) {
	case OP_READ:
	case OP_POLL:
		return set;
	case OP_FORCE:
		return worker->world->root ? set & ~E(EPERM) :
					     set & (E(EINVAL) | E(EFAULT) | E(EPERM));
	case OP_PROTECT:
	case OP_OTHER:
		return 0;
	case OP_CHANGE:
		return OK | E(EDEADLK);
	case OP_FOREIGN:
		return OK | E(ETXTBSY);
	default:
		/* One thread meets no change under way, and nothing but itself. */
		return op >= OP_ACQUIRE && op <= OP_UNKNOWN ? set & ~E(EAGAIN) : OK;
	}
}

bool results_cover(const struct worker *worker)
{
	bool all = true;

	for (int op = 0; op < NR_OPS; op++) {
		errset set = wanted(worker, op);

		for (int error = 0; error < NR_ERRNOS; error++) {
			if (error == 41 || !(set & E(error)) || worker->results[op][error])
				continue;
			printf("# %s: never %s\n", call_name(op),
			       error ? strerrorname_np(error) : "success");
			all = false;
		}
	}
	return all;
}

bool results_worked(const struct worker *workers, unsigned int nr)
{
	bool root = false, all = true;

	for (unsigned int i = 0; i < nr; i++)
		root |= workers[i].root;
	for (int op = 0; op < NR_OPS; op++) {
		/* FORCE is root's; the others of these have no success. */
		bool can = op != OP_UNKNOWN && (op != OP_FORCE || root);

		if (!can || times(workers, nr, op, 0))
			continue;
		printf("# %s has never worked\n", call_name(op));
		all = false;
	}
	return all;
}
