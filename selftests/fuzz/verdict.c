// SPDX-License-Identifier: GPL-2.0
/* What layout changes and FORCE must come to, and whose pins they may take back. */
#include <errno.h>
#include <string.h>

#include "model.h"

#define FORCE_SIZE	48
#define MAX_BYTES	((uint64_t)INT64_MAX)

/* The pages that a change frees or moves; false where there are none. */
static bool change_range(const struct model *model, const struct call *call, uint64_t *start,
			 uint64_t *end)
{
	uint64_t off = call->arg[A_OFFSET], len = call->arg[A_LENGTH];

	*start = off / PAGE_SZ;
	*end = ~0ULL;
	switch ((enum change)call->arg[A_WHAT]) {
	case CHANGE_TRUNCATE:
		*start = (off + PAGE_SZ - 1) / PAGE_SZ;
		return off <= model->size[call->arg[A_FILE]];
	case CHANGE_PUNCH:
	case CHANGE_ZERO:
		*end = (off + len + PAGE_SZ - 1) / PAGE_SZ;
		return true;
	case CHANGE_COLLAPSE:
	case CHANGE_INSERT:
		return true;
	default:
		return false;
	}
}

/* Is what is asked for nonsense to a filesystem? */
static bool change_invalid(const struct model *model, const struct call *call)
{
	uint64_t off = call->arg[A_OFFSET], len = call->arg[A_LENGTH];
	uint64_t size = model->size[call->arg[A_FILE]];

	switch ((enum change)call->arg[A_WHAT]) {
	case CHANGE_COLLAPSE:
		return off % PAGE_SZ || len % PAGE_SZ || !len || off + len >= size;
	case CHANGE_INSERT:
		return off % PAGE_SZ || len % PAGE_SZ || !len || off >= size;
	case CHANGE_PUNCH:
	case CHANGE_ZERO:
	case CHANGE_ALLOCATE:
		return !len;
	default:
		return false;
	}
}

static const uint32_t reasons[NR_CHANGES] = {
	[CHANGE_TRUNCATE] = DAXLEASE_REASON_TRUNCATE,
	[CHANGE_PUNCH] = DAXLEASE_REASON_PUNCH_HOLE,
	[CHANGE_ZERO] = DAXLEASE_REASON_ZERO_RANGE,
	[CHANGE_COLLAPSE] = DAXLEASE_REASON_COLLAPSE_RANGE,
	[CHANGE_INSERT] = DAXLEASE_REASON_INSERT_RANGE,
};

static bool in_range(const struct daxlease_pin_record *pin, uint64_t start, uint64_t end)
{
	return pin->start / PAGE_SZ < end && start < pin->end / PAGE_SZ;
}

struct verdict {
	bool leased;	/* exclusively by others than the one who asks */
	bool stopped;	/* a pin in the range is under such a lease, or an orphan of that mode */
	bool mine;	/* one is under a lease of one's own */
	bool waits;	/* one is under another breakable lease */
	bool stays;	/* of these, one that cannot be revoked */
};

static void judge(struct model *model, const struct plan *plan, unsigned int who,
		  struct verdict *verdict, uint64_t *deadline)
{
	const struct truth *truth = model_truth(model);

	*deadline = ~0ULL;
	for (int i = 0; i < MODEL_LEASES; i++) {
		const struct model_lease *lease = &model->lease[i];
		bool breakable = lease->mode == DAXLEASE_MODE_BREAKABLE;
		bool own = !lease->orphan && lease->holders & who;

		if (!lease->id || lease->file != plan->file)
			continue;
		if (!own && !breakable && !lease->orphan && lease->start < plan->end &&
		    plan->start < lease->end)
			verdict->leased = true;
		for (unsigned int r = 0; r < truth->nr; r++) {
			const struct daxlease_pin_record *pin = pin_of(truth->record[r]);

			if (!pin || pin->lease_id != lease->id ||
			    !in_range(pin, plan->start, plan->end))
				continue;
			if (own)
				verdict->mine = true;
			else if (!breakable)
				verdict->stopped = true;
			else
				verdict->waits = true;
			if (pin->flags & DAXLEASE_PIN_REVOCABLE)
				continue;
			verdict->stays = true;
			if (breakable && lease->break_ms < *deadline)
				*deadline = lease->break_ms;
		}
	}
}

errset expect_change(struct model *model, const struct call *call, unsigned int who)
{
	struct plan *plan = &model->plan;
	struct verdict verdict = { 0 };
	errset set = OK, refused;

	if (change_invalid(model, call))
		set = E(EINVAL);
	if (!change_range(model, call, &plan->start, &plan->end))
		return set;
	plan->file = call->arg[A_FILE];
	plan->reason = reasons[call->arg[A_WHAT]];
	judge(model, plan, who, &verdict, &plan->deadline);
	/* What is first found wrong is up to the filesystem. */
	refused = set & ~OK;
	if (verdict.leased || verdict.stopped)
		return refused | E(ETXTBSY);
	if (verdict.mine)
		return refused | E(EDEADLK);
	if (!verdict.waits)
		return set;
	plan->revokes = true;
	plan->all = !verdict.stays && set & OK;
	set = verdict.stays ? refused | E(ETXTBSY) : set;
	/* A signal that comes before the time is over. */
	return call->arg[A_NR] ? set | E(EINTR) : set;
}

/* May a handle be revoked, as it has this pin? */
static bool reaches(struct model *model, const struct daxlease_pin_record *pin)
{
	const struct model_lease *lease = model_find_lease(model, pin->lease_id);
	const struct plan *plan = &model->plan;

	return lease && lease->file == plan->file && in_range(pin, plan->start, plan->end) &&
	       (plan->reason == DAXLEASE_REASON_FORCE ||
		(lease->mode == DAXLEASE_MODE_BREAKABLE && lease->break_ms < plan->deadline));
}

static unsigned int records_of(const struct truth *truth, const struct model_pin *pin)
{
	unsigned int records = 0;

	for (unsigned int i = 0; i < truth->nr; i++) {
		const struct daxlease_pin_record *r = pin_of(truth->record[i]);

		records += r && r->id >= pin->first && r->id <= pin->last;
	}
	return records;
}

const char *model_revoke(struct model *model, long ret)
{
	const struct truth *past = model_past(model), *now = model_truth(model);
	bool force = model->plan.reason == DAXLEASE_REASON_FORCE;

	model->revoked = 0;
	model->revoked_records = 0;
	for (unsigned int i = 0; i < model->pins; i++) {
		struct model_pin *pin = &model->pin[i];
		bool reached = false;

		/* Of its records there have been some, and are all or none. */
		if (!records_of(past, pin))
			continue;
		for (unsigned int r = 0; r < past->nr && model->plan.revokes; r++) {
			const struct daxlease_pin_record *record = pin_of(past->record[r]);

			reached |= record && record->id >= pin->first &&
				   record->id <= pin->last && reaches(model, record);
		}
		reached &= pin->revocable;
		if (records_of(now, pin)) {
			if (reached && model->plan.all && (!ret || force))
				return "a pin stands in the way and has not been revoked";
			continue;
		}
		if (!reached)
			return "a pin has been taken away";
		pin->revoked = true;
		model->revoked++;
		model->revoked_records += records_of(past, pin);
	}
	return NULL;
}

errset expect_force(struct model *model, const struct worker *worker, const struct call *call)
{
	uint64_t offset = call->arg[A_OFFSET], length = call->arg[A_LENGTH];
	errset set = expect_argument(worker, call, sizeof(struct daxlease_force), FORCE_SIZE);
	enum fdkind kind = call->arg[A_FILE];

	if (call->arg[A_RESERVED])
		set |= set & E(EFAULT) && worker->arg.readable < FORCE_SIZE ? 0 : E(EINVAL);
	if (set)
		return set;
	if (offset > MAX_BYTES || length > MAX_BYTES - offset)
		return E(EINVAL);
	if (!model->world->root)
		return E(EPERM);
	if (kind != FD_RDONLY && kind != FD_FILE2)
		set = expect_file(model, kind, world_fd(kind, call->arg[A_SLOT]));
	if (set)
		return set;
	model->plan = (struct plan) {
		.revokes	= true,
		.all		= true,
		.file		= scanned_file(call),
		.start		= offset / PAGE_SZ,
		.end		= length ? (offset + length + PAGE_SZ - 1) / PAGE_SZ : ~0ULL,
		.reason		= DAXLEASE_REASON_FORCE,
	};
	return worker->arg.writable < FORCE_SIZE ? E(EFAULT) : OK;
}

/* To be called when the truth is that of afterwards. */
const char *check_force(struct model *model, const struct worker *worker)
{
	const struct truth *truth = model_truth(model);
	const struct plan *plan = &model->plan;
	unsigned int pins = 0, leases = 0;
	struct daxlease_force after;

	memcpy(&after, worker->arg.bytes, sizeof(after));
	for (unsigned int i = 0; i < truth->nr; i++) {
		const struct daxlease_pin_record *pin = pin_of(truth->record[i]);
		const struct model_lease *lease =
			pin ? model_find_lease(model, pin->lease_id) : NULL;

		pins += lease && lease->file == plan->file && in_range(pin, plan->start, plan->end);
	}
	for (int i = 0; i < MODEL_LEASES; i++) {
		const struct model_lease *lease = &model->lease[i];

		leases += lease->id && !lease->orphan && lease->file == plan->file &&
			  lease->start < plan->end && plan->start < lease->end;
	}
	if (after.revoked != model->revoked)
		return "FORCE says that it has revoked another number of pins";
	if (after.killed)
		return "FORCE says that it has killed somebody";
	if (after.pins != pins || after.leases != leases)
		return "FORCE leaves another number of pins or leases than it says";
	return NULL;
}
