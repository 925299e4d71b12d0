// SPDX-License-Identifier: GPL-2.0
/* The model against what QUERY and STATS tell. */
#include <errno.h>
#include <linux/daxlease.h>
#include <string.h>
#include <unistd.h>

#include "model.h"

/* What waits for longer is sent signals. */
#define SLOW_MS		10

static const char *lease_differs(struct model *model, const struct daxlease_lease_record *r)
{
	const struct model_lease *lease = model_find_lease(model, r->id);

	if (!lease)
		return "there is a lease that nobody took";
	if (r->start != lease->start * PAGE_SZ ||
	    r->end != (lease->end == ~0ULL ? DAXLEASE_TO_INFINITY : lease->end * PAGE_SZ))
		return "a lease has another range";
	if (r->ino != model->world->ino[lease->file])
		return "a lease is of another file";
	if (r->state != (lease->orphan ? DAXLEASE_STATE_ORPHANED : DAXLEASE_STATE_ACTIVE))
		return "a lease is in another state";
	if (r->mode != lease->mode || r->break_time_ms != lease->break_ms)
		return "a lease has another mode or break time";
	if (r->breaking)
		return "a layout change waits, and there is none";
	if (r->uid != geteuid() || r->pid != getpid() || !r->comm[0])
		return "a lease is somebody else's";
	if (r->holders != (lease->holders == HOLDER_SELF ? 1 : 2))
		return "a lease has another number of holders";
	if (lease->file != FD_FILE3 && strcmp(r->path, model->world->path[lease->file]))
		return "a lease has another path";
	return NULL;
}

static const char *pin_differs(struct model *model, const struct daxlease_pin_record *r)
{
	uint64_t pages = (r->end - r->start) / PAGE_SZ;
	const struct model_lease *lease = model_find_lease(model, r->lease_id);
	const struct model_pin *pin = model_pin_of(model, r);

	if (!lease)
		return "a pin is under a lease that is not there";
	if (r->start % PAGE_SZ || r->end % PAGE_SZ || r->pages != pages || r->runs != 1)
		return "a pin is not what was pinned";
	if (r->start / PAGE_SZ < lease->start || r->end / PAGE_SZ > lease->end)
		return "a pin reaches beyond its lease";
	if (!pin || pin->revoked)
		return "there is a pin that nobody made, or that was revoked";
	if (!(r->flags & DAXLEASE_PIN_WRITABLE) != !pin->write ||
	    !(r->flags & DAXLEASE_PIN_REVOCABLE) != !pin->revocable)
		return "a pin has other flags";
	if (strcmp(r->owner_file, TESTDEV_DEV))
		return "a pin goes with another file";
	if (r->uid != geteuid() || r->pid != getpid() || !r->comm[0] ||
	    r->kind != DAXLEASE_PIN_OTHER || strcmp(r->owner, "testdev"))
		return "a pin is somebody else's";
	return NULL;
}

/* The pages of a file that pins have, counted from both sides. */
void model_count(struct model *model, int file, unsigned int *count)
{
	uint64_t index;
	int f;

	for (unsigned int i = 0; i < model->pins; i++) {
		const struct model_pin *pin = &model->pin[i];

		if (pin->revoked)
			continue;
		for (uint64_t page = pin->page; page < pin->page + pin->nr; page++) {
			if (area_file(pin->area, page, &f, &index) && f == file)
				count[index] += pin->write ? 1 + (1 << 16) : 1;
		}
	}
}

static void count_truth(struct model *model, int file, unsigned int *count)
{
	const struct truth *truth = model_truth(model);

	for (unsigned int i = 0; i < truth->nr; i++) {
		const struct daxlease_pin_record *pin = pin_of(truth->record[i]);
		const struct model_lease *lease = pin ? model_find_lease(model, pin->lease_id) : NULL;

		if (!lease || lease->file != file)
			continue;
		for (uint64_t page = pin->start / PAGE_SZ;
		     page < pin->end / PAGE_SZ && page < WORLD_PAGES; page++)
			count[page] += pin->flags & DAXLEASE_PIN_WRITABLE ? 1 + (1 << 16) : 1;
	}
}

static const char *records_differ(struct model *model)
{
	const struct truth *truth = model_truth(model);
	unsigned int leases = 0, pins = 0, wanted = 0, orphans = 0;
	const char *wrong = NULL;
	uint64_t pages = 0;

	for (unsigned int i = 0; i < truth->nr && !wrong; i++) {
		const struct daxlease_lease_record *lease = lease_of(truth->record[i]);

		if (lease) {
			leases++;
			wrong = lease_differs(model, lease);
			if (!wrong && lease->state == DAXLEASE_STATE_ORPHANED && !lease->pins)
				wrong = "an orphaned lease without pins";
			if (!wrong && lease->pins !=
			    model_lease_pins(model, model_find_lease(model, lease->id)))
				wrong = "a lease says another number of pins";
		} else {
			pins++;
			pages += pin_of(truth->record[i])->pages;
			wrong = pin_differs(model, pin_of(truth->record[i]));
		}
	}
	for (int i = 0; i < MODEL_LEASES; i++) {
		wanted += model->lease[i].id != 0;
		orphans += model->lease[i].id && model->lease[i].orphan;
	}
	if (!wrong && leases != wanted)
		wrong = "a lease is missing";
	if (!wrong && (truth->stats.leases != leases || truth->stats.pins != pins ||
		       truth->stats.orphaned != orphans || truth->stats.pinned_pages != pages))
		wrong = "STATS and QUERY do not agree";
	for (int file = 0; file < NR_FILES && !wrong; file++) {
		unsigned int a[WORLD_PAGES] = { 0 }, b[WORLD_PAGES] = { 0 };

		model_count(model, file, a);
		count_truth(model, file, b);
		if (memcmp(a, b, sizeof(a)))
			wrong = "the pages that are pinned are not those that were pinned";
	}
	return wrong;
}

/* Orphans end with their last pin. */
static void drop_orphans(struct model *model)
{
	for (int i = 0; i < MODEL_LEASES; i++) {
		struct model_lease *lease = &model->lease[i];

		if (lease->id && lease->orphan && !model_lease_pins(model, lease))
			lease->id = 0;
	}
}

/* Sums that only go up, and those that a failed call must leave alone. */
static const char *sums_wrong(const struct daxlease_stats *a, const struct daxlease_stats *b,
			      const struct call *call, long ret)
{
	bool pins = call->op == OP_PIN;
	bool changes = call->op == OP_CHANGE || call->op == OP_FOREIGN;

	if (b->acquired < a->acquired || b->pinned < a->pinned ||
	    b->pin_refused < a->pin_refused || b->breaks < a->breaks ||
	    b->breaks_refused < a->breaks_refused || b->drains < a->drains ||
	    b->waits < a->waits || b->revoked < a->revoked || b->events_lost < a->events_lost)
		return "a sum of STATS went down";
	if (!pins && (b->pinned != a->pinned || b->pin_refused != a->pin_refused))
		return "a sum of pins changed without one";
	if (!changes && (b->breaks != a->breaks || b->drains != a->drains || b->waits != a->waits))
		return "a sum of layout changes changed without one";
	if (changes && (ret == -ETXTBSY || ret == -EDEADLK || ret == -EINTR) &&
	    b->breaks_refused == a->breaks_refused)
		return "a refused layout change is not in STATS";
	if (b->drains != a->drains)
		return "a layout change waits for pins in the making that are not there";
	return NULL;
}

static bool only_asks(const struct call *call)
{
	switch (call->op) {
	case OP_QUERY:
	case OP_STATS:
	case OP_SCAN:
	case OP_OPENERS:
	case OP_READ:
	case OP_POLL:
	case OP_ASYNC:
	case OP_FDINFO:
		return true;
	default:
		return false;
	}
}

const char *model_compare(struct model *model, struct worker *worker, const struct call *call,
			  long ret)
{
	struct truth *before = &model->truth[model->now], *after = &model->truth[!model->now];
	const char *wrong;
	int error;

	error = truth_take(after, model->watch);
	if (error == -EPROTO)
		return records_wrong(after->buf, after->used, UINT32_MAX);
	if (error)
		return "QUERY or STATS failed";
	model->now = !model->now;
	if (call->op == OP_PIN && ret >= 0)
		model_number_pin(model);
	wrong = sums_wrong(&before->stats, &after->stats, call, ret);
	if (!wrong)
		wrong = model_revoke(model, ret);
	if (!wrong)
		wrong = model_tell(model, call, ret);
	drop_orphans(model);
	if (!wrong && call->op == OP_FORCE && ret >= 0)
		wrong = check_force(model, worker);
	if (!wrong && model->acquired == ~0ULL) {
		if (after->stats.acquired - before->stats.acquired > 1)
			wrong = "an ACQUIRE counts twice";
		model->acquired = after->stats.acquired;
	}
	if (!wrong && after->stats.acquired != model->acquired)
		wrong = "STATS has another number of leases ever acquired";
	if (!wrong && (ret < 0 || only_asks(call)) && !model->revoked &&
	    !truth_same_records(before, after))
		wrong = "a call that failed, or only asks, changes what there is";
	if (!wrong)
		wrong = records_differ(model);
	worker->first_lease = 0;
	worker->first_pin = 0;
	worker->slow = false;
	for (unsigned int i = after->nr; i-- > 0;) {
		const struct daxlease_lease_record *lease = lease_of(after->record[i]);

		if (lease) {
			worker->first_lease = lease->id;
			worker->slow |= lease->break_time_ms > SLOW_MS;
		} else {
			worker->first_pin = pin_of(after->record[i])->id;
		}
	}
	return wrong;
}
