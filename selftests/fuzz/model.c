// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lease.h"
#include "model.h"

/* As it was first published. */
#define STATS_SIZE	88

int model_init(struct model *model, struct world *world)
{
	struct daxlease_stats *stats = &model->truth[0].stats;
	int ret;

	memset(model, 0, sizeof(*model));
	model->world = world;
	for (int i = 0; i < NR_FILES; i++)
		model->size[i] = WORLD_SIZE;
	model->watch = dup2(lease_open(), NO_FD - 1);
	ret = model->watch < 0 ? -errno : truth_init(&model->truth[0]);
	if (!ret)
		ret = truth_init(&model->truth[1]);
	if (!ret)
		ret = truth_take(&model->truth[0], model->watch);
	model->acquired = stats->acquired;
	return ret;
}

const struct truth *model_truth(const struct model *model)
{
	return &model->truth[model->now];
}

const struct truth *model_past(const struct model *model)
{
	return &model->truth[!model->now];
}

struct model_pin *model_pin_of(struct model *model, const struct daxlease_pin_record *record)
{
	for (unsigned int i = 0; i < model->pins; i++) {
		if (model->pin[i].first <= record->id && record->id <= model->pin[i].last)
			return &model->pin[i];
	}
	return NULL;
}

/* The records that are new are those of the last pin. */
void model_number_pin(struct model *model)
{
	struct model_pin *pin = &model->pin[model->pins - 1];
	const struct truth *truth = model_truth(model);

	pin->first = model->last_pin + 1;
	for (unsigned int i = 0; i < truth->nr; i++) {
		const struct daxlease_pin_record *record = pin_of(truth->record[i]);

		if (record && record->id > model->last_pin)
			model->last_pin = record->id;
	}
	pin->last = model->last_pin;
}

struct model_pin *model_find_pin(struct model *model, int dev, uint32_t id)
{
	for (unsigned int i = 0; i < model->pins; i++) {
		if (model->pin[i].dev == dev && model->pin[i].id == id)
			return &model->pin[i];
	}
	return NULL;
}

unsigned int model_lease_pins(struct model *model, const struct model_lease *lease)
{
	const struct truth *truth = model_truth(model);
	unsigned int pins = 0;

	for (unsigned int i = 0; i < truth->nr; i++) {
		const struct daxlease_pin_record *pin = pin_of(truth->record[i]);

		pins += pin && pin->lease_id == lease->id;
	}
	return pins;
}

/* As far as the caller knows the structure. */
static size_t stats_told(const struct call *call)
{
	uint64_t size = call->arg[A_SIZE];

	return size < sizeof(struct daxlease_stats) ? size : sizeof(struct daxlease_stats);
}

errset model_expect(struct model *model, const struct worker *worker, const struct call *call)
{
	const struct model_desc *desc = NULL;
	unsigned int slot = call->arg[A_SLOT];
	errset set;

	memset(&model->plan, 0, sizeof(model->plan));
	if (call->op == OP_OPEN || call->op == OP_DEV_OPEN || call->op == OP_PROTECT)
		return OK;
	if (call->op == OP_CHANGE || call->op == OP_FOREIGN)
		return expect_change(model, call,
				     call->op == OP_CHANGE ? HOLDER_SELF : HOLDER_PEER);
	if (call->op == OP_DEV_CLOSE || call->op == OP_PIN || call->op == OP_UNPIN ||
	    call->op == OP_DMA) {
		if (!model->dev_open[slot])
			return E(EBADF);
		if (call->op == OP_PIN)
			return expect_pin(model, worker, call);
		if (call->op == OP_DMA)
			return expect_dma(model, worker, call);
		return call->op == OP_DEV_CLOSE ||
		       (call->arg[A_ID] >> 32 == 0 &&
			model_find_pin(model, slot, call->arg[A_ID])) ? OK : E(ENOENT);
	}
	desc = model->slot[slot];
	/* The only one whose error is that of a file of /proc. */
	if (!desc)
		return call->op == OP_FDINFO ? E(ENOENT) : E(EBADF);
	switch (call->op) {
	case OP_ACQUIRE:
		return expect_acquire(model, worker, call);
	case OP_ATTACH:
		set = expect_argument(worker, call, sizeof(struct daxlease_attach), 16);
		if (!set)
			set = !desc->lease ? E(ENOENT) : worker->arg.writable < 16 ? E(EFAULT) : OK;
		return set;
	case OP_RELEASE:
		set = expect_argument(worker, call, sizeof(struct daxlease_release), 8);
		if (set)
			return set;
		if (!desc->lease)
			return E(ENOENT);
		if (!model_lease_pins(model, desc->lease))
			return OK;
		return desc->nonblock ? E(EBUSY) : E(EINTR);
	case OP_QUERY:
		return expect_query(model, worker, call);
	case OP_SCAN:
		return expect_scan(model, worker, call);
	case OP_READ:
		return expect_read(desc, worker, call);
	case OP_POLL:
		return expect_poll(desc, call);
	case OP_OPENERS:
		return expect_openers(model, worker, call);
	case OP_FORCE:
		return expect_force(model, worker, call);
	case OP_STATS:
		set = expect_argument(worker, call, sizeof(struct daxlease_stats), STATS_SIZE);
		return set ? set : worker->arg.writable < stats_told(call) ? E(EFAULT) : OK;
	case OP_GIVE:
		return desc->lease ? OK : E(ENOENT);
	case OP_OTHER:
	case OP_UNKNOWN:
		return errno_table(call);
	default:
		return OK;
	}
}

struct model_lease *model_find_lease(struct model *model, uint64_t id)
{
	for (int i = 0; i < MODEL_LEASES; i++) {
		if (model->lease[i].id == id)
			return &model->lease[i];
	}
	return NULL;
}

/* The last copy of a lease fd is gone. */
static void put_desc(struct model *model, unsigned int slot)
{
	struct model_desc *desc = model->slot[slot];
	struct model_lease *lease;

	model->slot[slot] = NULL;
	if (!desc || --desc->refs)
		return;
	lease = desc->lease;
	if (lease && model_lease_pins(model, lease))
		lease->orphan = true;
	else if (lease)
		lease->id = 0;
	desc->lease = NULL;
}

static void set_slot(struct model *model, unsigned int slot, struct model_desc *desc)
{
	if (model->slot[slot] == desc)
		return;
	desc->refs++;
	put_desc(model, slot);
	model->slot[slot] = desc;
}

static void open_slot(struct model *model, unsigned int slot, int flags)
{
	struct model_desc *desc = NULL;

	put_desc(model, slot);
	for (int i = 0; i < LEASES && !desc; i++) {
		if (!model->desc[i].refs)
			desc = &model->desc[i];
	}
	memset(desc, 0, sizeof(*desc));
	desc->nonblock = flags & O_NONBLOCK;
	desc->write_only = (flags & O_ACCMODE) == O_WRONLY;
	set_slot(model, slot, desc);
}

static const char *acquired(struct model *model, struct worker *worker, const struct call *call)
{
	struct model_lease *lease = model_find_lease(model, 0);
	struct daxlease_acquire arg;
	enum fdkind kind = call->arg[A_FILE];

	memcpy(&arg, worker->arg.bytes, sizeof(arg));
	if (!lease)
		return "the model has no room for one more lease";
	if (arg.id <= model->last_id)
		return "the number of a lease is used twice";
	model->last_id = arg.id;
	*lease = (struct model_lease) {
		.id = arg.id,
		.file = kind == FD_APPEND ? FD_FILE1 : kind == FD_WRONLY ? FD_FILE0 : (int)kind,
		.start = arg.offset / PAGE_SZ,
		.end = arg.length ? (arg.offset + arg.length) / PAGE_SZ : ~0ULL,
		.holders = HOLDER_SELF,
		.mode = arg.mode,
		.break_ms = arg.mode == DAXLEASE_MODE_EXCLUSIVE ? 0 :
			    arg.break_time_ms ? arg.break_time_ms : BREAK_TIME,
	};
	model->slot[call->arg[A_SLOT]]->lease = lease;
	memset(&model->slot[call->arg[A_SLOT]]->inbox, 0, sizeof(struct inbox));
	model->acquired++;
	return NULL;
}

static void pinned(struct model *model, struct worker *worker, const struct call *call)
{
	struct model_pin *pin = &model->pin[model->pins++ % MODEL_PINS];
	struct testdev_pin arg;

	memcpy(&arg, worker->arg.bytes, sizeof(arg));
	*pin = (struct model_pin) {
		.dev	= call->arg[A_SLOT],
		.id	= arg.id,
		.area	= call->arg[A_AREA],
		.page	= call->arg[A_PAGE],
		.nr	= (uint32_t)call->arg[A_NR],
		.write	= call->arg[A_FLAGS] & TESTDEV_PIN_WRITE,
		.revocable = call->arg[A_FLAGS] & TESTDEV_PIN_REVOCABLE,
		/* None, until they are numbered. */
		.first	= 1,
	};
}

/* Orphans that had only the pin's records left go with it. */
static void unpinned(struct model *model, struct model_pin *pin)
{
	*pin = model->pin[--model->pins];
}

static void dev_closed(struct model *model, int dev)
{
	for (unsigned int i = 0; i < model->pins;) {
		if (model->pin[i].dev == dev)
			unpinned(model, &model->pin[i]);
		else
			i++;
	}
}

static const char *sizes_wrong(struct model *model, const struct call *call)
{
	uint64_t off = call->arg[A_OFFSET], len = call->arg[A_LENGTH];
	uint64_t *size = &model->size[call->arg[A_FILE]];
	struct stat st;

	switch ((enum change)call->arg[A_WHAT]) {
	case CHANGE_TRUNCATE:
		*size = off;
		break;
	case CHANGE_COLLAPSE:
		*size -= len;
		break;
	case CHANGE_INSERT:
		*size += len;
		break;
	case CHANGE_WRITE:
		if (off + sizeof(off) > *size)
			*size = off + sizeof(off);
		break;
	default:
		break;
	}
	if (fstat(FILE_FD + call->arg[A_FILE], &st) || (uint64_t)st.st_size != *size)
		return "a file has not the size that it must have";
	return NULL;
}

static const char *apply(struct model *model, struct worker *worker, const struct call *call,
			 long ret)
{
	unsigned int slot = call->arg[A_SLOT], to = call->arg[A_TO];
	struct model_desc *desc = call->op < OP_DEV_OPEN ? model->slot[slot] : NULL;
	uint64_t id;

	switch (call->op) {
	case OP_OPEN:
		open_slot(model, slot, call->arg[A_FLAGS]);
		break;
	case OP_CLOSE:
		put_desc(model, slot);
		break;
	case OP_DUP:
	case OP_PASS:
		set_slot(model, to, desc);
		break;
	case OP_NONBLOCK:
		desc->nonblock = call->arg[A_NR] & 1;
		break;
	case OP_ACQUIRE:
		return acquired(model, worker, call);
	case OP_ATTACH:
		memcpy(&id, worker->arg.bytes + 8, sizeof(id));
		if (id != desc->lease->id)
			return "ATTACH tells another lease";
		break;
	case OP_RELEASE:
		desc->lease->id = 0;
		desc->lease = NULL;
		break;
	case OP_QUERY:
		return check_query(model, worker, call);
	case OP_SCAN:
		return check_scan(model, worker, call);
	case OP_READ:
		return check_read(model, worker, call, ret);
	case OP_POLL:
		return check_poll(desc, ret);
	case OP_ASYNC:
		desc->async = call->arg[A_NR] & 1;
		break;
	case OP_OPENERS:
		return check_openers(worker);
	case OP_STATS:
		if (memcmp(worker->arg.bytes + 8, &model_truth(model)->stats.leases,
			   stats_told(call) - 8))
			return "STATS tells something else than just before";
		break;
	case OP_FDINFO:
		if (ret != (desc->lease != NULL))
			return "fdinfo has a lease that the descriptor has not, or none";
		break;
	case OP_DEV_OPEN:
		dev_closed(model, slot);
		model->dev_open[slot] = true;
		break;
	case OP_DEV_CLOSE:
		dev_closed(model, slot);
		model->dev_open[slot] = false;
		break;
	case OP_PIN:
		pinned(model, worker, call);
		break;
	case OP_UNPIN:
		unpinned(model, model_find_pin(model, slot, call->arg[A_ID]));
		break;
	case OP_CHANGE:
	case OP_FOREIGN:
		return sizes_wrong(model, call);
	case OP_GIVE:
		model->slot[slot]->lease->holders |= HOLDER_PEER;
		break;
	default:
		break;
	}
	return NULL;
}

const char *model_follow(struct model *model, struct worker *worker, const struct call *call,
			 long ret)
{
	const char *wrong = argument_wrong(worker, call, ret);

	if (!wrong && ret >= 0)
		wrong = apply(model, worker, call, ret);
	/* There is no event, whatever there may have been. */
	if ((call->op == OP_READ || call->op == OP_POLL) && (ret == -EAGAIN || ret == -EINTR))
		inbox_clear(&model->slot[call->arg[A_SLOT]]->inbox);
	/* It was there for a moment. */
	if (call->op == OP_ACQUIRE && ret == -EFAULT &&
	    worker->arg.readable >= sizeof(struct daxlease_acquire))
		model->acquired = ~0ULL;
	return wrong ? wrong : model_compare(model, worker, call, ret);
}
