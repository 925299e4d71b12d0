// SPDX-License-Identifier: GPL-2.0
/* What each call must return, by the model and Documentation/uapi.rst. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "model.h"

#define MAX_BYTES	((uint64_t)INT64_MAX)
#define PIN_FLAGS	((uint64_t)(TESTDEV_PIN_WRITE | TESTDEV_PIN_REVOCABLE))

errset expect_argument(const struct worker *worker, const struct call *call, size_t known,
		       size_t first)
{
	uint64_t size = call->arg[A_SIZE], flags = call->arg[A_FLAGS];
	errset set = 0;

	if (call->op == OP_SCAN)
		flags &= ~(uint64_t)DAXLEASE_SCAN_PINS_ONLY;

	if (worker->arg.readable < sizeof(uint32_t))
		return E(EFAULT);
	if (size < first || size > PAGE_SZ)
		return E(EINVAL);
	if (worker->arg.readable < size)
		set |= E(EFAULT);
	if (call_has_tail(call, known) || flags)
		set |= E(EINVAL);
	return set;
}

errset expect_file(const struct model *model, enum fdkind kind, int fd)
{
	/* The machine may lack some of them. */
	if (fcntl(fd, F_GETFD) < 0)
		return E(EBADF);
	switch (kind) {
	case FD_FILE0:
	case FD_FILE1:
	case FD_FILE3:
	case FD_WRONLY:
	case FD_APPEND:
		return 0;
	case FD_FILE2:
		return model->world->root ? 0 : E(EACCES);
	case FD_RDONLY:
		return E(EACCES);
	case FD_PATH:
		return E(EBADF);
	default:
		return E(EOPNOTSUPP);
	}
}

errset expect_acquire(struct model *model, const struct worker *worker, const struct call *call)
{
	const struct model_desc *desc = model->slot[call->arg[A_SLOT]];
	uint64_t offset = call->arg[A_OFFSET], length = call->arg[A_LENGTH];
	uint64_t mode = call->arg[A_MODE];
	errset set;

	set = expect_argument(worker, call, sizeof(struct daxlease_acquire), 48);
	if ((mode != DAXLEASE_MODE_EXCLUSIVE && mode != DAXLEASE_MODE_BREAKABLE) ||
	    (mode == DAXLEASE_MODE_EXCLUSIVE && call->arg[A_BREAK]) || call->arg[A_RESERVED])
		set |= set & E(EFAULT) && worker->arg.readable < 48 ? 0 : E(EINVAL);
	if (set)
		return set;
	if (offset % PAGE_SZ || length % PAGE_SZ || offset > MAX_BYTES ||
	    (length && (length > MAX_BYTES || offset + length > MAX_BYTES)))
		return E(EINVAL);
	if (call->arg[A_BREAK] > BREAK_TIME_MAX)
		return E(ERANGE);
	set = expect_file(model, call->arg[A_FILE],
			  world_fd(call->arg[A_FILE], call->arg[A_SLOT]));
	if (set)
		return set;
	if (desc->lease)
		return E(EBUSY);
	return worker->arg.writable < sizeof(struct daxlease_acquire) ? E(EFAULT) : OK;
}

bool area_file(enum area area, uint64_t page, int *file, uint64_t *index)
{
	switch (area) {
	case AREA_MIXED:
		if (page < MIXED_FILE0 || page >= MIXED_TAIL)
			return false;
		*file = page < MIXED_FILE1 ? FD_FILE0 : FD_FILE1;
		*index = page - (page < MIXED_FILE1 ? MIXED_FILE0 : MIXED_FILE1);
		return true;
	case AREA_RDONLY:
	case AREA_PRIVATE:
		*file = FD_FILE0;
		*index = page;
		return page < WORLD_PAGES;
	case AREA_FILE2:
		*file = FD_FILE2;
		*index = page;
		return page < WORLD_PAGES;
	default:
		return false;
	}
}

static bool covered(const struct model *model, int file, uint64_t page)
{
	for (int i = 0; i < MODEL_LEASES; i++) {
		const struct model_lease *lease = &model->lease[i];

		if (lease->id && lease->file == file && !lease->orphan &&
		    lease->holders & HOLDER_SELF && lease->start <= page && page < lease->end)
			return true;
	}
	return false;
}

/* What one page says; what it has to say before others do. */
static errset expect_page(const struct model *model, enum area area, uint64_t page)
{
	uint64_t index;
	errset set = 0;
	int file;

	if (area_file(area, page, &file, &index)) {
		if (area == AREA_RDONLY)
			return E(EFAULT) | E(EOPNOTSUPP);
		if (area == AREA_PRIVATE)
			return E(EOPNOTSUPP);
		if (!covered(model, file, index))
			set |= E(EOPNOTSUPP);
		if (index * PAGE_SZ >= model->size[file])
			set |= E(EFAULT);
		return set;
	}
	return area == AREA_MIXED && page < MIXED_END ? 0 : E(EFAULT);
}

errset expect_pin(struct model *model, const struct worker *worker, const struct call *call)
{
	uint64_t page = call->arg[A_PAGE], nr = call->arg[A_NR];
	errset set = 0;

	if (worker->arg.readable < sizeof(struct testdev_pin))
		return E(EFAULT);
	if (call->arg[A_FLAGS] & ~PIN_FLAGS || call->arg[A_RESERVED] ||
	    !(uint32_t)nr || call->arg[A_ODD] % PAGE_SZ)
		return E(EINVAL);
	for (uint64_t i = 0; i < (uint32_t)nr && !set; i++)
		set = expect_page(model, call->arg[A_AREA], page + i);
	if (set)
		return set;
	return worker->arg.writable < sizeof(struct testdev_pin) ? E(EFAULT) : OK;
}

errset expect_dma(struct model *model, const struct worker *worker, const struct call *call)
{
	const struct model_pin *pin = model_find_pin(model, call->arg[A_SLOT], call->arg[A_ID]);
	uint64_t offset = call->arg[A_OFFSET], length = call->arg[A_LENGTH], end = offset + length;
	bool write = call->arg[A_MODE];

	if (worker->arg.readable < sizeof(struct testdev_io))
		return E(EFAULT);
	if (call->arg[A_RESERVED])
		return E(EINVAL);
	if (!pin)
		return E(ENOENT);
	if (write && !pin->write)
		return E(EACCES);
	if (end < offset || end > pin->nr * PAGE_SZ)
		return E(ERANGE);
	if (!length)
		return OK;
	return (write ? worker->buf.readable : worker->buf.writable) < length ? E(EFAULT) : OK;
}

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

struct verdict {
	bool leased;	/* by others than the one who asks */
	bool pinned;
	bool others;	/* some pin in the range is not under leases of its own */
};

static void judge(struct model *model, int file, uint64_t start, uint64_t end, unsigned int who,
		  struct verdict *verdict)
{
	const struct truth *truth = model_truth(model);
	bool stranger = false;

	for (int i = 0; i < MODEL_LEASES; i++) {
		const struct model_lease *lease = &model->lease[i];

		if (!lease->id || lease->file != file)
			continue;
		stranger = lease->orphan || !(lease->holders & who);
		if (!lease->orphan && stranger && lease->start < end && start < lease->end)
			verdict->leased = true;
		for (unsigned int r = 0; r < truth->nr; r++) {
			const struct daxlease_pin_record *pin = pin_of(truth->record[r]);

			if (!pin || pin->lease_id != lease->id || pin->start / PAGE_SZ >= end ||
			    pin->end / PAGE_SZ <= start)
				continue;
			verdict->pinned = true;
			verdict->others |= stranger;
		}
	}
}

errset expect_change(struct model *model, const struct call *call, unsigned int who)
{
	struct verdict verdict = { 0 };
	errset set = OK;
	uint64_t start, end;

	if (change_invalid(model, call))
		set = E(EINVAL);
	if (!change_range(model, call, &start, &end))
		return set;
	judge(model, call->arg[A_FILE], start, end, who, &verdict);
	/* What is first found wrong is up to the filesystem. */
	if (verdict.leased || verdict.others)
		return (set & ~OK) | E(ETXTBSY);
	if (verdict.pinned)
		return (set & ~OK) | E(EDEADLK);
	return set;
}
