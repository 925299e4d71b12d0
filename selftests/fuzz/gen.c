// SPDX-License-Identifier: GPL-2.0
/*
 * Random calls.  Most are right but for one thing, or right at all: what is
 * wrong in many ways is refused for the first.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/daxlease.h>

#include "gen.h"
#include "truth.h"

/* The device's are numbered from 1 to that. */
#define COMMANDS	_IOC_NR(DAXLEASE_FORCE)

/* Calls of one kind of mix. */
#define MOOD		300

#define PICK(gen, list)	((list)[below(gen, sizeof(list) / sizeof((list)[0]))])

void gen_init(struct gen *gen, uint64_t seed)
{
	gen->state = seed * 0x9e3779b97f4a7c15 + 1;
	gen->threads = false;
	gen->breaks = false;
	gen->calls = 0;
}

/* splitmix64 */
static uint64_t next(struct gen *gen)
{
	uint64_t z = gen->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t below(struct gen *gen, uint64_t limit)
{
	return next(gen) % limit;
}

static bool chance(struct gen *gen, unsigned int percent)
{
	return below(gen, 100) < percent;
}

/* A number that somebody may have forgotten about. */
static uint64_t odd_number(struct gen *gen)
{
	static const uint64_t numbers[] = {
		0, 1, 2, 3, 7, 8, 15, 16, 63, 64, 127, 255, 511, 4095, 4096, 4097, 8192, 65535,
		INT32_MAX, 1ULL << 31, UINT32_MAX, 1ULL << 32, INT64_MAX, 1ULL << 63, UINT64_MAX,
		INT64_MAX - 4095, 0ULL - 4096, (1ULL << 63) - 8192, 0x7fffffffffffe000,
	};

	switch (below(gen, 4)) {
	case 0:
		return next(gen);
	case 1:
		return 1ULL << below(gen, 64);
	default:
		return PICK(gen, numbers);
	}
}

static uint64_t gen_buf(struct gen *gen)
{
	static const enum buf bufs[] = {
		BUF_ODD, BUF_EDGE, BUF_EDGE, BUF_EDGE, BUF_EDGE_RO, BUF_EDGE_RO, BUF_RO, BUF_NONE,
		BUF_UNMAPPED, BUF_NULL, BUF_KERNEL, BUF_DAX,
	};

	if (gen->threads && chance(gen, 10))
		return BUF_RACY;
	return chance(gen, 65) ? BUF_HEAP : PICK(gen, bufs);
}

/* As many as fit, most often; else a fault at any byte. */
static uint64_t gen_cut(struct gen *gen, uint64_t len)
{
	return chance(gen, 40) ? 0 : below(gen, len + 2);
}

/*
 * Not where others may write: what they do not mean for this call are addresses,
 * of memory whose bytes they look after.
 */
static void keep_private(const struct gen *gen, struct call *call)
{
	if (gen->threads && (call->arg[A_BUF] == BUF_RACY || call->arg[A_BUF] == BUF_DAX))
		call->arg[A_BUF] = BUF_EDGE;
}

static void gen_argument(struct gen *gen, struct call *call)
{
	uint64_t size = call->arg[A_SIZE];
	const uint64_t sizes[] = {
		0, 1, 3, 4, 5, 7, 8, 12, size - 8, size - 4, size - 1, size + 1, size + 4, size + 8,
		size + 63, size + 64, size + 65, 2 * size, PAGE_SZ - 1, PAGE_SZ, PAGE_SZ + 1,
		INT32_MAX, UINT32_MAX, below(gen, PAGE_SZ),
	};

	if (chance(gen, 15))
		call->arg[A_SIZE] = (uint32_t)PICK(gen, sizes);
	if (chance(gen, 5))
		call->arg[A_FLAGS] = (uint32_t)(odd_number(gen));
	if (call->arg[A_SIZE] > size && chance(gen, 40))
		call->arg[A_TAIL] = 1 + below(gen, PAGE_SZ);
	call->arg[A_ABI] = chance(gen, 15);
	call->arg[A_BUF] = gen_buf(gen);
	if (call->arg[A_BUF] != BUF_HEAP)
		call->arg[A_CUT] = gen_cut(gen, size);
}

static void gen_acquire(struct gen *gen, struct call *call)
{
	gen_argument(gen, call);
	call->arg[A_FILE] = chance(gen, 80) ? below(gen, NR_FILES) : below(gen, NR_FDS);
	if (chance(gen, 40)) {
		call->arg[A_OFFSET] = below(gen, WORLD_PAGES + 2) * PAGE_SZ;
		call->arg[A_LENGTH] = below(gen, WORLD_PAGES) * PAGE_SZ;
	} else if (chance(gen, 15)) {
		call->arg[A_OFFSET] = odd_number(gen);
		call->arg[A_LENGTH] = odd_number(gen);
	}
	if (chance(gen, gen->breaks ? 95 : 20)) {
		call->arg[A_MODE] = DAXLEASE_MODE_BREAKABLE;
		call->arg[A_BREAK] = 1 + below(gen, 4);
	}
	switch (below(gen, 40)) {
	case 0:
		call->arg[A_MODE] = (uint32_t)odd_number(gen);
		break;
	case 1:
		call->arg[A_BREAK] = (uint32_t)odd_number(gen);
		break;
	case 2:
		call->arg[A_RESERVED] = (uint32_t)odd_number(gen);
		break;
	case 3:
		call->arg[A_MODE] = DAXLEASE_MODE_BREAKABLE;
		call->arg[A_BREAK] = chance(gen, 50) ? 0 : (uint32_t)odd_number(gen);
		break;
	case 4:
		call->arg[A_MODE] = DAXLEASE_MODE_BREAKABLE;
		call->arg[A_BREAK] = BREAK_TIME_MAX + 1 + below(gen, UINT32_MAX - BREAK_TIME_MAX);
		break;
	}
}

static void gen_query(struct gen *gen, struct call *call)
{
	gen_argument(gen, call);
	keep_private(gen, call);
	call->arg[A_RBUF] = gen_buf(gen);
	call->arg[A_RCUT] = gen_cut(gen, chance(gen, 50) ? 256 : 8192);
	call->arg[A_RLEN] = chance(gen, 70) ? below(gen, 1200) :
			    chance(gen, 50) ? 8192 : (uint32_t)odd_number(gen);
	if (chance(gen, 50)) {
		call->arg[A_LCUR] = CUR_LAST;
		call->arg[A_PCUR] = CUR_LAST;
	} else if (chance(gen, 50)) {
		call->arg[A_LCUR] = below(gen, NR_CURSORS);
		call->arg[A_PCUR] = below(gen, NR_CURSORS);
	}
}

static void gen_scan(struct gen *gen, struct call *call)
{
	gen_query(gen, call);
	call->arg[A_FILE] = chance(gen, 85) ? below(gen, NR_FILES) : below(gen, NR_FDS);
	if (chance(gen, 50))
		call->arg[A_RLEN] = 0;
	if (chance(gen, 30))
		call->arg[A_FLAGS] = DAXLEASE_SCAN_PINS_ONLY;
	if (chance(gen, 60)) {
		call->arg[A_OFFSET] = below(gen, WORLD_SIZE + PAGE_SZ);
		call->arg[A_LENGTH] = below(gen, chance(gen, 50) ? 5 * PAGE_SZ : WORLD_SIZE);
	} else if (chance(gen, 30)) {
		call->arg[A_OFFSET] = odd_number(gen);
		call->arg[A_LENGTH] = odd_number(gen);
	}
}

/* Most often there is room for some events. */
static void gen_read(struct gen *gen, struct call *call)
{
	call->arg[A_ABI] = chance(gen, 15);
	call->arg[A_RBUF] = gen_buf(gen);
	call->arg[A_RLEN] = chance(gen, 70) ? sizeof(struct daxlease_event) * (1 + below(gen, 9)) :
			    below(gen, chance(gen, 50) ? 2 * sizeof(struct daxlease_event) : 8192);
	call->arg[A_RCUT] = chance(gen, 50) ? below(gen, 40) : gen_cut(gen, call->arg[A_RLEN]);
}

static void gen_openers(struct gen *gen, struct call *call)
{
	gen_argument(gen, call);
	keep_private(gen, call);
	call->arg[A_RBUF] = gen_buf(gen);
	call->arg[A_RCUT] = gen_cut(gen, sizeof(pid_t));
	call->arg[A_RLEN] = chance(gen, 80) ? below(gen, 20) : (uint32_t)odd_number(gen);
	call->arg[A_PCUR] = chance(gen, 70) ? CUR_FIRST : below(gen, NR_CURSORS);
	if (chance(gen, 10))
		call->arg[A_ID] = odd_number(gen);
}

/*
 * Never so that somebody is killed: all leases and pins are of this process.  Where
 * that is refused it is tried.
 */
static void gen_force(struct gen *gen, struct call *call, bool root)
{
	gen_argument(gen, call);
	call->arg[A_FILE] = chance(gen, 85) ? below(gen, NR_FILES) : below(gen, NR_FDS);
	if (chance(gen, 60)) {
		call->arg[A_OFFSET] = below(gen, WORLD_SIZE + PAGE_SZ);
		call->arg[A_LENGTH] = below(gen, chance(gen, 50) ? 5 * PAGE_SZ : WORLD_SIZE);
	} else if (chance(gen, 30)) {
		call->arg[A_OFFSET] = odd_number(gen);
		call->arg[A_LENGTH] = odd_number(gen);
	}
	if (chance(gen, 5))
		call->arg[A_RESERVED] = (uint32_t)odd_number(gen);
	if (root && call->arg[A_FILE] <= FD_PATH)
		call->arg[A_FLAGS] &= ~(uint64_t)DAXLEASE_FORCE_KILL;
	else if (chance(gen, 20))
		call->arg[A_FLAGS] |= DAXLEASE_FORCE_KILL;
}

/* No number that any other ioctl of a file has: those are not the device's. */
static void gen_unknown(struct gen *gen, struct call *call)
{
	unsigned int nr = below(gen, 256), size = below(gen, 1 << 14), dir = below(gen, 4);

	gen_argument(gen, call);
	call->arg[A_SIZE] = 0;
	call->arg[A_FLAGS] = 0;
	call->arg[A_TAIL] = 0;
	if (chance(gen, 50) && (dir || size)) {
		/* One that there is, but as another kind. */
		call->arg[A_CMD] = _IOC(dir, DAXLEASE_IOC_MAGIC, 1 + nr % COMMANDS, size);
	} else {
		call->arg[A_CMD] = _IOC(dir, chance(gen, 50) ? DAXLEASE_IOC_MAGIC : 0xdc,
					COMMANDS + 1 + nr % (255 - COMMANDS), size);
	}
}

static void gen_pin(struct gen *gen, struct call *call)
{
	call->arg[A_ABI] = chance(gen, 15);
	call->arg[A_BUF] = gen_buf(gen);
	call->arg[A_CUT] = gen_cut(gen, sizeof(struct testdev_pin));
	call->arg[A_FLAGS] = below(gen, 4);
	if (gen->breaks && chance(gen, 50))
		call->arg[A_FLAGS] |= TESTDEV_PIN_REVOCABLE;
	call->arg[A_AREA] = chance(gen, 85) ? AREA_MIXED : below(gen, NR_AREAS);
	call->arg[A_PAGE] = below(gen, call->arg[A_AREA] == AREA_MIXED ? MIXED_PAGES :
				  WORLD_PAGES + 1);
	call->arg[A_NR] = 1 + below(gen, chance(gen, 70) ? 4 : 80);
	switch (below(gen, 30)) {
	case 0:
		call->arg[A_FLAGS] = (uint32_t)odd_number(gen);
		break;
	case 1:
		call->arg[A_RESERVED] = (uint32_t)odd_number(gen);
		break;
	case 2:
		call->arg[A_ODD] = below(gen, 2 * PAGE_SZ);
		break;
	case 3:
		call->arg[A_NR] = (uint32_t)odd_number(gen);
		break;
	case 4:
		call->arg[A_PAGE] = odd_number(gen) & 0x3ffffffff;
		call->arg[A_AREA] = AREA_KERNEL;
		break;
	}
}

static uint64_t gen_id(struct gen *gen, const struct worker *worker, unsigned int dev)
{
	unsigned int at = below(gen, RECENT);

	if (chance(gen, 10))
		return odd_number(gen);
	for (int i = 0; i < RECENT && !worker->recent[dev][at]; i++)
		at = (at + 1) % RECENT;
	return worker->recent[dev][at];
}

static void gen_dma(struct gen *gen, struct call *call)
{
	call->arg[A_ABI] = chance(gen, 15);
	call->arg[A_BUF] = gen_buf(gen);
	call->arg[A_CUT] = gen_cut(gen, sizeof(struct testdev_io));
	keep_private(gen, call);
	call->arg[A_MODE] = below(gen, 2);
	call->arg[A_OFFSET] = chance(gen, 80) ? below(gen, 2 * PAGE_SZ) : odd_number(gen);
	call->arg[A_LENGTH] = chance(gen, 80) ? below(gen, 2 * PAGE_SZ) : odd_number(gen);
	call->arg[A_RBUF] = gen_buf(gen);
	call->arg[A_RCUT] = gen_cut(gen, PAGE_SZ);
	if (chance(gen, 3))
		call->arg[A_RESERVED] = (uint32_t)odd_number(gen);
}

static void gen_change(struct gen *gen, struct call *call, const struct worker *worker)
{
	call->arg[A_NR] = gen->threads || worker->slow || chance(gen, 30);
	call->arg[A_FILE] = below(gen, gen->breaks ? FD_FILE2 : NR_FILES);
	call->arg[A_WHAT] = below(gen, NR_CHANGES);
	call->arg[A_OFFSET] = below(gen, WORLD_PAGES) * PAGE_SZ;
	call->arg[A_LENGTH] = below(gen, gen->breaks ? WORLD_PAGES : 5) * PAGE_SZ;
	/* Back to the full size, or it ends as nothing. */
	if (chance(gen, 25)) {
		call->arg[A_WHAT] = CHANGE_TRUNCATE;
		call->arg[A_OFFSET] = WORLD_SIZE;
	} else if (chance(gen, 10)) {
		call->arg[A_OFFSET] += below(gen, PAGE_SZ);
	}
}

/* How often which, out of their sum. */
static const unsigned char weights[NR_OPS] = {
	[OP_OPEN] = 8, [OP_CLOSE] = 3, [OP_DUP] = 2, [OP_PASS] = 2, [OP_NONBLOCK] = 4,
	[OP_ACQUIRE] = 20, [OP_ATTACH] = 6, [OP_RELEASE] = 6, [OP_QUERY] = 12,
	[OP_STATS] = 4, [OP_SCAN] = 8, [OP_READ] = 12, [OP_POLL] = 4, [OP_ASYNC] = 2,
	[OP_OPENERS] = 5, [OP_FORCE] = 3, [OP_UNKNOWN] = 4, [OP_OTHER] = 8, [OP_FDINFO] = 1, [OP_DEV_OPEN] = 5,
	[OP_DEV_CLOSE] = 1, [OP_PIN] = 20, [OP_UNPIN] = 6, [OP_DMA] = 6, [OP_CHANGE] = 10,
	[OP_FOREIGN] = 8, [OP_GIVE] = 1, [OP_PROTECT] = 2,
};

static enum op gen_op(struct gen *gen)
{
	unsigned int sum = 0, at;
	int op;

	for (op = 0; op < NR_OPS; op++)
		sum += weights[op];
	at = below(gen, sum);
	for (op = 0; at >= weights[op]; op++)
		at -= weights[op];
	return op;
}

/* One that is open, most of the time. */
static unsigned int gen_slot(struct gen *gen, enum op op)
{
	unsigned int slot = below(gen, LEASES);

	if (op == OP_OPEN || chance(gen, 15))
		return slot;
	for (int i = 0; i < LEASES && fcntl(LEASE_FD + slot, F_GETFD) < 0; i++)
		slot = (slot + 1) % LEASES;
	return slot;
}

struct call gen_call(struct gen *gen, const struct worker *worker)
{
	static const int opens[] = { O_RDWR, O_RDWR, O_RDONLY, O_WRONLY, O_RDWR | O_NONBLOCK };
	struct call call = call_of(gen_op(gen));
	unsigned int slot;

	if (gen->calls++ % MOOD == 0)
		gen->breaks = chance(gen, 60);
	if (call.op == OP_PROTECT && !gen->threads)
		call = call_of(OP_ACQUIRE);
	slot = gen_slot(gen, call.op);
	/* Another in the place of one that is open ends its lease. */
	if (call.op == OP_OPEN && fcntl(LEASE_FD + slot, F_GETFD) >= 0 && chance(gen, 85))
		call = call_of(chance(gen, 60) ? OP_ACQUIRE : OP_READ);
	call.arg[A_SLOT] = slot;
	switch (call.op) {
	case OP_OPEN:
		call.arg[A_FLAGS] = PICK(gen, opens);
		break;
	case OP_DUP:
	case OP_PASS:
		call.arg[A_TO] = below(gen, LEASES);
		break;
	case OP_NONBLOCK:
		/* Waiting takes time. */
		call.arg[A_NR] = chance(gen, 75);
		call.arg[A_WHAT] = below(gen, 2);
		break;
	case OP_ACQUIRE:
		gen_acquire(gen, &call);
		break;
	case OP_ATTACH:
	case OP_RELEASE:
	case OP_STATS:
		gen_argument(gen, &call);
		break;
	case OP_QUERY:
		gen_query(gen, &call);
		break;
	case OP_SCAN:
		gen_scan(gen, &call);
		break;
	case OP_READ:
		gen_read(gen, &call);
		break;
	case OP_POLL:
		call.arg[A_ABI] = chance(gen, 15);
		call.arg[A_NR] = chance(gen, 40);
		break;
	case OP_ASYNC:
		call.arg[A_NR] = below(gen, 2);
		call.arg[A_WHAT] = below(gen, 2);
		break;
	case OP_OPENERS:
		gen_openers(gen, &call);
		break;
	case OP_FORCE:
		gen_force(gen, &call, worker->root);
		break;
	case OP_UNKNOWN:
		gen_unknown(gen, &call);
		break;
	case OP_OTHER:
		call.arg[A_WHAT] = below(gen, NR_OTHERS);
		break;
	case OP_DEV_OPEN:
		call.arg[A_SLOT] %= DEVS;
		/* Another in the place of one that is open ends its pins. */
		if (chance(gen, 20) || fcntl(DEV_FD + call.arg[A_SLOT], F_GETFD) < 0)
			break;
		call = call_of(OP_PIN);
		__attribute__((fallthrough));
	case OP_PIN:
		call.arg[A_SLOT] = below(gen, DEVS);
		gen_pin(gen, &call);
		break;
	case OP_DEV_CLOSE:
		call.arg[A_SLOT] %= DEVS;
		break;
	case OP_UNPIN:
		call.arg[A_SLOT] %= DEVS;
		call.arg[A_ABI] = chance(gen, 15);
		call.arg[A_ID] = gen_id(gen, worker, call.arg[A_SLOT]);
		if (call.arg[A_ABI])
			call.arg[A_ID] = (uint32_t)call.arg[A_ID];
		break;
	case OP_DMA:
		call.arg[A_SLOT] %= DEVS;
		gen_dma(gen, &call);
		call.arg[A_ID] = (uint32_t)gen_id(gen, worker, call.arg[A_SLOT]);
		break;
	case OP_CHANGE:
	case OP_FOREIGN:
		gen_change(gen, &call, worker);
		break;
	case OP_PROTECT:
		call.arg[A_WHAT] = below(gen, 3);
		break;
	default:
		break;
	}
	return call;
}
