// SPDX-License-Identifier: GPL-2.0
/*
 * Leases are told apart by their number, pins by the name of the task that took
 * them, which is another one for each.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "account.h"
#include "lease.h"
#include "model.h"

#define RECORDS		512
#define QUERY_BUF	(8 * PAGE_SZ)
/* Some things end a moment after the process that had them. */
#define TRIES		300
#define TRY_US		5000

struct kernel_lease {
	struct daxlease_lease_record r;
	unsigned int pins;
	uint64_t pages;
	int model;
};

struct kernel_pin {
	struct daxlease_pin_record r;
	struct kernel_lease *lease;
	int model;
};

static struct kernel {
	unsigned int leases;
	unsigned int pins;
	struct kernel_lease lease[RECORDS];
	struct kernel_pin pin[RECORDS];
} k;

static bool saying;
static unsigned int wrong;

static void __printf(1, 2) differs(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	wrong++;
	if (!saying)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fault(FAULT_ACCOUNT, "%s", text);
}

static int take_record(const struct daxlease_record *record, void *arg)
{
	(void)arg;
	if (record->type == DAXLEASE_RECORD_LEASE && k.leases < RECORDS) {
		memset(&k.lease[k.leases], 0, sizeof(k.lease[0]));
		memcpy(&k.lease[k.leases++].r, record, sizeof(k.lease[0].r));
	} else if (record->type == DAXLEASE_RECORD_PIN && k.pins < RECORDS && k.leases) {
		memcpy(&k.pin[k.pins].r, record, sizeof(k.pin[0].r));
		k.pin[k.pins++].lease = &k.lease[k.leases - 1];
	}
	return 0;
}

static int read_kernel(void)
{
	int fd, ret;

	k.leases = 0;
	k.pins = 0;
	fd = lease_open();
	if (fd < 0)
		return fd;
	ret = lease_query(fd, QUERY_BUF, take_record, NULL);
	close(fd);
	return ret;
}

/* The number after the letter, if the rest is right. */
static int by_comm(const char *comm, char letter, unsigned int *nonce)
{
	char c;
	int i;

	if (sscanf(comm, "%c%d.%u", &c, &i, nonce) != 3 || c != letter || i < 0)
		return -1;
	return i;
}

static pid_t still(pid_t pid)
{
	for (int i = 0; i < WORKERS_MAX; i++) {
		if (shm->worker[i].pid == pid)
			return pid;
	}
	return 0;
}

static struct s_lease *find_lease(const struct daxlease_lease_record *r)
{
	unsigned int nonce = 0;
	struct s_lease *lease;
	int i;

	for (i = 0; i < LEASES_MAX; i++) {
		lease = &shm->lease[i];
		if (lease->used && lease->state != LEASE_NONE && lease->id == r->id)
			return lease;
	}
	/* Its acquirer was killed before it could say. */
	i = by_comm(r->comm, 'L', &nonce);
	if (i < 0 || i >= LEASES_MAX)
		return NULL;
	lease = &shm->lease[i];
	if (!lease->used || lease->id || lease->nonce != nonce)
		return NULL;
	return lease->state == LEASE_UNSURE || lease->state == LEASE_CLOSED ? lease : NULL;
}

static void check_lease(struct kernel_lease *kl)
{
	const struct daxlease_lease_record *r = &kl->r;
	uint64_t end = r->end == DAXLEASE_TO_INFINITY ? TO_INFINITY : r->end / PAGE_SZ;
	struct s_lease *lease = find_lease(r);
	bool orphan;

	kl->model = lease ? lease_index(lease) : -1;
	if (kl->pins != r->pins || kl->pages != r->pinned_pages)
		differs("lease %" PRIu64 " says %u pins of %" PRIu64
			" pages, %u pins of %" PRIu64 " follow",
			(uint64_t)r->id, r->pins, (uint64_t)r->pinned_pages, kl->pins, kl->pages);
	if (!lease) {
		differs("lease %" PRIu64 " of %s, with %u pins, should not exist",
			(uint64_t)r->id, r->comm, r->pins);
		return;
	}
	orphan = !lease->owners;
	if (r->ino != shm->file[lease->file].ino || r->start / PAGE_SZ != lease->first ||
	    end != lease->end)
		differs("lease %" PRIu64 " has another file or range", (uint64_t)r->id);
	if (r->state != (orphan ? DAXLEASE_STATE_ORPHANED : DAXLEASE_STATE_ACTIVE))
		differs("lease %" PRIu64 " is in state %u, and has %s", (uint64_t)r->id, r->state,
			orphan ? "no descriptor" : "descriptors");
	if (orphan && !r->pins)
		differs("lease %" PRIu64 " has no descriptor and no pin", (uint64_t)r->id);
	if (r->holders < lease->holders_min || r->holders > lease->holders_max)
		differs("lease %" PRIu64 " has %u holders, not %u to %u", (uint64_t)r->id,
			r->holders, lease->holders_min, lease->holders_max);
	if (r->mode != (lease->break_ms ? DAXLEASE_MODE_BREAKABLE : DAXLEASE_MODE_EXCLUSIVE) ||
	    r->break_time_ms != lease->break_ms)
		differs("lease %" PRIu64 " has mode %u and break time %u, not %u", (uint64_t)r->id,
			r->mode, r->break_time_ms, lease->break_ms);
	if (r->breaking)
		differs("lease %" PRIu64 ": %u layout changes wait, and all are over",
			(uint64_t)r->id, r->breaking);
	if (lease->breaks_open && lease->owners && !lease->events_lost)
		differs("lease %" PRIu64 ": of %d breaks the end was not told", (uint64_t)r->id,
			lease->breaks_open);
	else if (lease->breaks_sum && lease->owners && !lease->events_lost)
		differs("lease %" PRIu64 ": ends were told of other breaks than have begun",
			(uint64_t)r->id);
	if (r->pid != still(lease->acquirer))
		differs("lease %" PRIu64 " is of process %d, not %d", (uint64_t)r->id, r->pid,
			still(lease->acquirer));
}

static void check_pin(struct kernel_pin *kp)
{
	const struct daxlease_pin_record *r = &kp->r;
	uint64_t first = r->start / PAGE_SZ, end = r->end / PAGE_SZ;
	const struct s_pin *pin;
	unsigned int nonce = 0;
	int i = by_comm(r->comm, 'P', &nonce);

	kp->model = -1;
	if (i < 0 || i >= PINS_MAX || shm->pin[i].nonce != nonce ||
	    shm->pin[i].state == PIN_FREE) {
		differs("pin %" PRIu64 " of %s, pages %" PRIu64 " to %" PRIu64
			" of inode %" PRIu64 ", should not exist", (uint64_t)r->id, r->comm,
			first, end, (uint64_t)kp->lease->r.ino);
		return;
	}
	pin = &shm->pin[i];
	kp->model = i;
	if (kp->lease->r.ino != shm->file[pin->file].ino || first < pin->first ||
	    end > pin->first + pin->nr || end - first < r->pages)
		differs("pin %s has pages %" PRIu64 " to %" PRIu64
			" of inode %" PRIu64 ", not %u to %u of %" PRIu64, r->comm, first, end,
			(uint64_t)kp->lease->r.ino, pin->first, pin->first + pin->nr,
			(uint64_t)shm->file[pin->file].ino);
	if (r->start < kp->lease->r.start || r->end > kp->lease->r.end)
		differs("pin %s is outside of its lease", r->comm);
	if (!(r->flags & DAXLEASE_PIN_WRITABLE) != !pin->write ||
	    !(r->flags & DAXLEASE_PIN_REVOCABLE) != !pin->revocable)
		differs("pin %s has flags %x", r->comm, r->flags);
	if (pin->revoked || pin->doomed)
		differs("pin %s has been taken back, and is accounted for", r->comm);
	if (r->kind != (shm->dev[pin->dev].rdma ? DAXLEASE_PIN_RDMA : DAXLEASE_PIN_OTHER))
		differs("pin %s is of kind %u", r->comm, r->kind);
	if (r->pid != still(pin->pid))
		differs("pin %s is of process %d, not %d", r->comm, r->pid, still(pin->pid));
}

/* Whether the kernel has it, whole. */
static bool check_model_pin(const struct s_pin *pin)
{
	uint64_t pages = 0, first = TO_INFINITY, end = 0;
	unsigned int i;

	for (i = 0; i < k.pins; i++) {
		if (k.pin[i].model != pin_index(pin))
			continue;
		pages += k.pin[i].r.pages;
		if (k.pin[i].r.start / PAGE_SZ < first)
			first = k.pin[i].r.start / PAGE_SZ;
		if (k.pin[i].r.end / PAGE_SZ > end)
			end = k.pin[i].r.end / PAGE_SZ;
	}
	if (!pages && (pin->state == PIN_UNSURE || pin->risky))
		return false;
	if (pages != pin->nr || first != pin->first || end != pin->first + pin->nr)
		differs("pin P%d.%u of pages %u to %u of file %d: %" PRIu64 " pages are accounted",
			pin_index(pin), pin->nonce, pin->first, pin->first + pin->nr, pin->file,
			pages);
	return pages;
}

static bool lease_listed(const struct s_lease *lease)
{
	for (unsigned int i = 0; i < k.leases; i++) {
		if (k.lease[i].model == lease_index(lease))
			return true;
	}
	return false;
}

/* Of those that are not known yet, it is as if they had been, or not. */
static void check_revoked(uint64_t revoked)
{
	uint64_t min = shm->revoked_min, max = shm->revoked_max;

	for (int i = 0; i < PINS_MAX; i++) {
		const struct s_pin *pin = &shm->pin[i];

		if (pin->state == PIN_FREE || !pin->risky || pin->revoked || check_model_pin(pin))
			continue;
		min += pin->state == PIN_HELD;
		max += pin->leases;
	}
	revoked -= shm->revoked_base;
	if (revoked < min || revoked > max)
		differs("STATS says that %" PRIu64 " pins were revoked, it were %" PRIu64
			" to %" PRIu64, revoked, min, max);
}

static void check_sums(long long foll_base)
{
	struct daxlease_stats stats = { 0 };
	unsigned int i, orphaned = 0;
	uint64_t pages = 0, held = 0;
	long long foll;

	for (i = 0; i < k.leases; i++)
		orphaned += k.lease[i].r.state == DAXLEASE_STATE_ORPHANED;
	for (i = 0; i < k.pins; i++)
		pages += k.pin[i].r.pages;
	for (i = 0; i < DEVS_MAX; i++) {
		if (shm->dev[i].used && shm->dev[i].rdma)
			held += ANON_PAGES;
	}
	for (i = 0; i < PINS_MAX; i++) {
		const struct s_pin *pin = &shm->pin[i];

		if (pin->state != PIN_FREE && check_model_pin(pin))
			held += pin->nr;
	}
	if (lease_stats(&stats))
		differs("STATS fails");
	else if (stats.leases != k.leases || stats.orphaned != orphaned ||
		 stats.pins != k.pins || stats.pinned_pages != pages)
		differs("STATS says %" PRIu64 " leases, %" PRIu64 " orphaned, %" PRIu64
			" pins, %" PRIu64 " pages, QUERY %u, %u, %u, %" PRIu64,
			(uint64_t)stats.leases, (uint64_t)stats.orphaned, (uint64_t)stats.pins,
			(uint64_t)stats.pinned_pages, k.leases, orphaned, k.pins, pages);
	check_revoked(stats.revoked);
	foll = foll_pins() - foll_base;
	if (foll != (long long)held)
		differs("%lld pages are pinned in the system, %" PRIu64 " should be", foll, held);
}

static void compare(long long foll_base)
{
	unsigned int i;
	int ret;

	wrong = 0;
	ret = read_kernel();
	if (ret) {
		differs("QUERY: %s", strerror(-ret));
		return;
	}
	for (i = 0; i < k.pins; i++) {
		k.pin[i].lease->pins++;
		k.pin[i].lease->pages += k.pin[i].r.pages;
	}
	for (i = 0; i < k.leases; i++)
		check_lease(&k.lease[i]);
	for (i = 0; i < k.pins; i++)
		check_pin(&k.pin[i]);
	for (i = 0; i < LEASES_MAX; i++) {
		const struct s_lease *lease = &shm->lease[i];

		if (lease->used && lease->state == LEASE_HELD && !lease_listed(lease))
			differs("lease %" PRIu64 " is missing", lease->id);
	}
	for (i = 0; i < PINS_MAX; i++) {
		if (shm->pin[i].state != PIN_FREE)
			check_model_pin(&shm->pin[i]);
	}
	check_sums(foll_base);
}

/* What was uncertain is what the kernel says. */
static void resolve(void)
{
	unsigned int i;

	for (i = 0; i < PINS_MAX; i++) {
		struct s_pin *pin = &shm->pin[i];
		bool there = pin->state != PIN_FREE && check_model_pin(pin);

		if (pin->state == PIN_UNSURE && there)
			pin_held(pin, 0);
		else if (pin->state == PIN_UNSURE)
			pin_gone(pin);
		else if (pin->state == PIN_HELD && pin->risky && !there)
			pin_revoked(pin);
	}
	for (i = 0; i < k.leases; i++) {
		struct s_lease *lease;

		if (k.lease[i].model < 0)
			continue;
		lease = &shm->lease[k.lease[i].model];
		lease->holders_min = k.lease[i].r.holders;
		lease->holders_max = k.lease[i].r.holders;
		lease->id = k.lease[i].r.id;
		/* All layout changes are over, and all events have been read. */
		lease->breaks_open = 0;
		lease->breaks_sum = 0;
		lease->events_lost = false;
		if (lease->state == LEASE_UNSURE) {
			lease->state = LEASE_HELD;
			lease->since = ++shm->now;
		}
	}
	for (i = 0; i < LEASES_MAX; i++) {
		struct s_lease *lease = &shm->lease[i];

		if (!lease->used || lease_listed(lease))
			continue;
		if (lease->state == LEASE_UNSURE || lease->state == LEASE_CLOSED) {
			lease_event(lease);
			lease->state = LEASE_NONE;
			lease->attached = 0;
			lease->file = -1;
			lease_settle(lease);
		}
	}
}

void account_check(long long foll_base)
{
	saying = false;
	for (int i = 0; i < TRIES; i++) {
		compare(foll_base);
		if (!wrong)
			break;
		usleep(TRY_US);
	}
	if (wrong) {
		saying = true;
		compare(foll_base);
	}
	model_lock();
	resolve();
	model_unlock();
}

void account_begin(void)
{
	struct daxlease_stats stats = { 0 };

	if (lease_stats(&stats))
		fault(FAULT_ACCOUNT, "STATS fails");
	shm->revoked_base = stats.revoked;
	shm->revoked_min = 0;
	shm->revoked_max = 0;
}

void account_check_empty(long long foll_base)
{
	struct daxlease_stats stats = { 0 };

	if (!wait_leases(0, 0)) {
		lease_stats(&stats);
		fault(FAULT_ACCOUNT, "%" PRIu64 " leases and %" PRIu64
		      " pins are left after the end of all processes",
		      (uint64_t)stats.leases, (uint64_t)stats.pins);
	}
	if (!wait_foll_pins(foll_base))
		fault(FAULT_ACCOUNT, "%lld pages are still pinned", foll_pins() - foll_base);
	saying = true;
	k.pins = 0;
	if (!lease_stats(&stats))
		check_revoked(stats.revoked);
}
