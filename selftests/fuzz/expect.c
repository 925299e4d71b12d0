// SPDX-License-Identifier: GPL-2.0
/* What each call must return, by the model and Documentation/uapi*.rst. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "model.h"

#define MAX_BYTES	((uint64_t)INT64_MAX)
#define OPENERS_SIZE	32
#define PIN_FLAGS	((uint64_t)(TESTDEV_PIN_WRITE | TESTDEV_PIN_REVOCABLE))

errset expect_argument(const struct worker *worker, const struct call *call, size_t known,
		       size_t first)
{
	uint64_t size = call->arg[A_SIZE], flags = call->arg[A_FLAGS];
	errset set = 0;

	if (call->op == OP_SCAN)
		flags &= ~(uint64_t)DAXLEASE_SCAN_PINS_ONLY;
	if (call->op == OP_FORCE)
		flags &= ~(uint64_t)DAXLEASE_FORCE_KILL;

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
	errset set;

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
	set = (write ? worker->buf.readable : worker->buf.writable) < length ? E(EFAULT) : OK;
	/* Page by page: what comes first is told. */
	if (pin->revoked)
		set = E(EKEYREVOKED) | (write ? set & E(EFAULT) : 0);
	return set;
}

errset expect_openers(struct model *model, const struct worker *worker, const struct call *call)
{
	errset set = expect_argument(worker, call, sizeof(struct daxlease_openers), OPENERS_SIZE);
	const struct daxlease_openers *openers = &worker->openers;
	const struct truth *truth = model_truth(model);
	bool there = false;

	if (set)
		return set;
	for (unsigned int i = 0; i < truth->nr; i++) {
		const struct daxlease_pin_record *pin = pin_of(truth->record[i]);

		there |= pin && pin->id == openers->pin;
	}
	if (!there)
		return E(ENOENT);
	if (openers->buf_len >= sizeof(pid_t) && worker->buf.writable < sizeof(pid_t))
		return E(EFAULT);
	return worker->arg.writable < OPENERS_SIZE ? E(EFAULT) : OK;
}

/* There is one, and that is this process. */
const char *check_openers(const struct worker *worker)
{
	size_t len = worker->openers.buf_len < sizeof(pid_t) ? 0 : sizeof(pid_t);
	pid_t pid = getpid();
	uint32_t count;

	memcpy(&count, worker->arg.bytes + offsetof(struct daxlease_openers, count),
	       sizeof(count));
	if (count != 1)
		return "OPENERS tells another number";
	if (!place_intact(&worker->buf, len) || memcmp(worker->buf.bytes, &pid, len))
		return "OPENERS tells another process, or more than fit in";
	return NULL;
}
