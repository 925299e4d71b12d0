// SPDX-License-Identifier: GPL-2.0
/* What a call may change of its structure: the answer, if there is one. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "exec.h"

const char *argument_wrong(const struct worker *worker, const struct call *call, long ret)
{
	size_t from = 0, to = 0;

	if (!worker->arg_len)
		return NULL;
	/* A device may write to it, by this very call. */
	if (call->op == OP_DMA && worker->arg.dax)
		return NULL;
	if (ret == -EFAULT) {
		/* An answer that could be written in part. */
		to = worker->arg_len;
	} else if (!ret) {
		switch (call->op) {
		case OP_ACQUIRE:
			from = offsetof(struct daxlease_acquire, id);
			to = sizeof(struct daxlease_acquire);
			break;
		case OP_ATTACH:
			from = offsetof(struct daxlease_attach, id);
			to = sizeof(struct daxlease_attach);
			break;
		case OP_QUERY:
			from = offsetof(struct daxlease_query, used);
			to = sizeof(struct daxlease_query);
			break;
		case OP_SCAN:
			/* In pieces: check_scan() looks at what is between. */
			from = offsetof(struct daxlease_scan, busy);
			to = sizeof(struct daxlease_scan);
			break;
		case OP_OPENERS:
			from = offsetof(struct daxlease_openers, count);
			to = sizeof(struct daxlease_openers);
			break;
		case OP_FORCE:
			from = offsetof(struct daxlease_force, revoked);
			to = sizeof(struct daxlease_force);
			break;
		case OP_STATS:
			from = offsetof(struct daxlease_stats, leases);
			to = sizeof(struct daxlease_stats);
			break;
		case OP_PIN:
			to = sizeof(struct testdev_pin);
			break;
		default:
			break;
		}
	}
	if (!place_intact(&worker->arg, worker->arg_len))
		return "bytes beside a structure are changed";
	if (memcmp(worker->arg.bytes, worker->before, from))
		return "a structure is changed in front of its answer";
	if (to < worker->arg_len &&
	    memcmp(worker->arg.bytes + to, worker->before + to, worker->arg_len - to))
		return ret ? "a call that failed changes its structure" :
			     "a structure is changed behind its answer";
	return NULL;
}
