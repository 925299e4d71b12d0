// SPDX-License-Identifier: GPL-2.0
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "model.h"

bool child;
int child_lease = -1;

/* Not a mutex of libc: who waits for it may be killed at any time. */
void model_lock(void)
{
	const struct timespec moment = { .tv_nsec = 50000 };

	for (int i = 0;; i++) {
		int none = 0;

		if (atomic_compare_exchange_weak(&shm->lock, &none, getpid()))
			return;
		if (i < 10)
			sched_yield();
		else
			nanosleep(&moment, NULL);
	}
}

void model_unlock(void)
{
	atomic_store(&shm->lock, 0);
}

uint32_t model_living(void)
{
	uint32_t mask = 0;

	for (int i = 0; i < WORKERS_MAX; i++) {
		if (shm->worker[i].pid && !shm->worker[i].dying)
			mask |= 1U << i;
	}
	return mask;
}

bool lease_certain(const struct s_lease *lease)
{
	return lease->used && lease->state == LEASE_HELD && !lease->releasing &&
	       lease->owners & model_living();
}

bool lease_covers(const struct s_lease *lease, uint64_t first, uint64_t end)
{
	return lease->first <= first && end <= lease->end;
}

void lease_event(const struct s_lease *lease)
{
	if (lease->file >= 0)
		shm->file[lease->file].events++;
}

bool file_has_pins(int file)
{
	for (int i = 0; i < PINS_MAX; i++) {
		if (shm->pin[i].state != PIN_FREE && shm->pin[i].file == file)
			return true;
	}
	return false;
}

bool file_has_leases(int file)
{
	for (int i = 0; i < LEASES_MAX; i++) {
		const struct s_lease *lease = &shm->lease[i];

		if (lease->used && lease->state != LEASE_NONE && lease->file == file)
			return true;
	}
	return false;
}

bool lease_mine(const struct s_lease *lease)
{
	if (child)
		return lease_index(lease) == child_lease;
	return lease->attached & MY_BIT;
}

bool file_mine(int file)
{
	for (int i = 0; i < LEASES_MAX; i++) {
		const struct s_lease *lease = &shm->lease[i];

		if (lease->used && lease->state != LEASE_NONE && lease->file == file &&
		    lease_mine(lease))
			return true;
	}
	return false;
}

void file_path(int file, char *path)
{
	snprintf(path, PATH_LEN, "%.*s/leased.%d.%u", PATH_LEN - 40, shm->dir, file,
		 shm->file[file].gen);
}

static void file_remove(int file)
{
	char path[PATH_LEN];

	file_path(file, path);
	unlink(path);
}

void file_settle(struct s_file *file)
{
	int i = file_index(file);

	if (file->state == FILE_UNLINKED && !file->users && !file_has_pins(i) &&
	    !file_has_leases(i))
		file->state = FILE_FREE;
}

static void lease_free(struct s_lease *lease)
{
	int file = lease->file;

	lease_event(lease);
	memset(lease, 0, sizeof(*lease));
	lease->file = -1;
	if (file >= 0)
		file_settle(&shm->file[file]);
}

void lease_settle(struct s_lease *lease)
{
	if (!lease->used || lease->owners || lease->in_flight || lease->closing)
		return;
	if (lease->state != LEASE_NONE && file_has_pins(lease->file)) {
		if (lease->state != LEASE_CLOSED)
			did(DID_ORPHAN);
		lease->state = LEASE_CLOSED;
		lease_event(lease);
	} else {
		lease_free(lease);
	}
}

void dev_settle(struct s_dev *dev)
{
	int i;

	if (!dev->used || dev->owners || dev->in_flight || dev->closing)
		return;
	for (i = 0; i < PINS_MAX; i++) {
		if (shm->pin[i].state != PIN_FREE && shm->pin[i].dev == dev_index(dev))
			pin_gone(&shm->pin[i]);
	}
	memset(dev, 0, sizeof(*dev));
}

struct s_lease *lease_new(void)
{
	for (int i = 0; i < LEASES_MAX; i++) {
		struct s_lease *lease = &shm->lease[i];

		if (!lease->used) {
			memset(lease, 0, sizeof(*lease));
			lease->used = true;
			lease->file = -1;
			return lease;
		}
	}
	return NULL;
}

struct s_dev *dev_new(bool rdma)
{
	for (int i = 0; i < DEVS_MAX; i++) {
		struct s_dev *dev = &shm->dev[i];

		if (!dev->used) {
			memset(dev, 0, sizeof(*dev));
			dev->used = true;
			dev->rdma = rdma;
			return dev;
		}
	}
	return NULL;
}

struct s_pin *pin_new(void)
{
	for (int i = 0; i < PINS_MAX; i++) {
		struct s_pin *pin = &shm->pin[i];

		if (pin->state == PIN_FREE) {
			memset(pin, 0, sizeof(*pin));
			pin->state = PIN_PENDING;
			return pin;
		}
	}
	return NULL;
}

/* Pages know of a pin that stays as long as its owner wants. */
static void pin_count(struct s_pin *pin, int add)
{
	pin->counted = add > 0;
	for (unsigned int p = pin->first; p < pin->first + pin->nr; p++) {
		struct s_page *page = &shm->file[pin->file].page[p];

		page->pins += add;
		if (!page->pins)
			page->epoch++;
	}
}

void pin_held(struct s_pin *pin, uint32_t id)
{
	pin->state = PIN_HELD;
	pin->since = ++shm->now;
	if (id)
		pin->id = id;
	if (!pin->risky)
		pin_count(pin, 1);
	shm->file[pin->file].events++;
}

void pin_ending(struct s_pin *pin)
{
	if (pin->counted)
		pin_count(pin, -1);
	pin->state = PIN_ENDING;
	shm->file[pin->file].events++;
}

void pin_risk(struct s_pin *pin)
{
	if (!pin->revocable)
		return;
	if (pin->counted)
		pin_count(pin, -1);
	pin->risky = true;
}

void pin_revoked(struct s_pin *pin)
{
	if (pin->revoked)
		return;
	if (!pin->risky)
		fault(FAULT_RULE, "pin P%d.%u of file %d pages %u to %u has been taken back",
		      pin_index(pin), pin->nonce, pin->file, pin->first, pin->first + pin->nr);
	pin_risk(pin);
	pin->revoked = true;
	shm->revoked_min++;
	shm->revoked_max += pin->leases;
	did(DID_REVOKE);
	if (shm->dev[pin->dev].rdma)
		did(DID_REVOKE_RDMA);
}

void pin_gone(struct s_pin *pin)
{
	int file = pin->file;

	if (pin->counted)
		pin_count(pin, -1);
	/* Nobody can say any more whether it had been taken back. */
	if (pin->state != PIN_PENDING && pin->risky && !pin->revoked)
		shm->revoked_max += pin->leases;
	pin->state = PIN_FREE;
	shm->file[file].events++;
	if (file_has_pins(file))
		return;
	for (int i = 0; i < LEASES_MAX; i++) {
		struct s_lease *lease = &shm->lease[i];

		if (lease->used && lease->state == LEASE_CLOSED && lease->file == file)
			lease_settle(lease);
	}
	file_settle(&shm->file[file]);
}

bool pin_certain(const struct s_pin *pin)
{
	return pin->state == PIN_HELD && !pin->risky &&
	       shm->dev[pin->dev].owners & model_living();
}

/* Without an owner its pins go, unless a copy that is on its way keeps them. */
static void dev_doubt(int dev)
{
	if (shm->dev[dev].owners & model_living())
		return;
	for (int p = 0; p < PINS_MAX; p++) {
		struct s_pin *pin = &shm->pin[p];

		if (pin->state == PIN_HELD && pin->dev == dev) {
			pin_ending(pin);
			pin->state = PIN_UNSURE;
		}
	}
}

void dev_leave(struct s_dev *dev)
{
	dev->owners &= ~MY_BIT;
	dev->closing++;
	dev_doubt(dev_index(dev));
}

void model_dying(int i)
{
	shm->worker[i].dying = true;
	for (int n = 0; n < DEVS_MAX; n++)
		dev_doubt(n);
}

void model_change_over(struct s_worker *w)
{
	for (int i = 0; i < 2; i++) {
		int file = w->doing_change[i];

		if (file < 0)
			continue;
		shm->file[file].changing--;
		shm->file[file].changes++;
		w->doing_change[i] = -1;
	}
}

static void dead_intents(struct s_worker *w)
{
	struct s_lease *lease;

	if (w->doing_acquire >= 0) {
		lease = &shm->lease[w->doing_acquire];
		if (lease->state == LEASE_ACQUIRING)
			lease->state = LEASE_UNSURE;
	}
	if (w->doing_release >= 0) {
		lease = &shm->lease[w->doing_release];
		lease->releasing--;
		if (lease->state == LEASE_HELD)
			lease->state = LEASE_UNSURE;
	}
	if (w->closing_lease >= 0)
		shm->lease[w->closing_lease].closing--;
	if (w->closing_dev >= 0)
		shm->dev[w->closing_dev].closing--;
	if (w->doing_pin >= 0)
		shm->pin[w->doing_pin].state = PIN_UNSURE;
	if (w->doing_events >= 0)
		shm->lease[w->doing_events].events_lost = true;
	if (w->doing_force >= 0)
		shm->file[w->doing_force].forcing--;
	model_change_over(w);
}

void model_dead(int i)
{
	struct s_worker *w = &shm->worker[i];
	uint32_t bit = 1U << i;
	int n, p;

	dead_intents(w);
	for (n = 0; n < DEVS_MAX; n++) {
		struct s_dev *dev = &shm->dev[n];

		if (w->exec_devs & 1ULL << n)
			dev->closing--;
		dev->owners &= ~bit;
		dev_settle(dev);
	}
	for (n = 0; n < LEASES_MAX; n++) {
		struct s_lease *lease = &shm->lease[n];

		if (w->exec_leases & 1ULL << n)
			lease->closing--;
		lease->owners &= ~bit;
		lease->attached &= ~bit;
		lease_settle(lease);
	}
	for (n = 0; n < FILES_MAX; n++) {
		struct s_file *file = &shm->file[n];

		file->users &= ~bit;
		if (file->worker == i + 1) {
			/* Whatever it has come to. */
			file_remove(n);
			file->worker = 0;
			file->state = FILE_UNLINKED;
		}
		for (p = 0; p < FILE_PAGES; p++) {
			if (atomic_load(&file->page[p].owner) == i + 1)
				atomic_store(&file->page[p].owner, 0);
		}
		file_settle(file);
	}
	w->pid = 0;
	w->dying = false;
}

void model_rest(void)
{
	int i;

	for (i = 0; i < DEVS_MAX; i++) {
		shm->dev[i].in_flight = 0;
		dev_settle(&shm->dev[i]);
	}
	for (i = 0; i < LEASES_MAX; i++) {
		shm->lease[i].in_flight = 0;
		lease_settle(&shm->lease[i]);
	}
}

bool pages_try(int file, unsigned int first, unsigned int nr)
{
	for (unsigned int p = first; p < first + nr; p++) {
		int none = 0;

		if (!atomic_compare_exchange_strong(&shm->file[file].page[p].owner, &none,
						    slot + 1)) {
			pages_put(file, first, p - first);
			return false;
		}
	}
	return true;
}

void pages_put(int file, unsigned int first, unsigned int nr)
{
	for (unsigned int p = first; p < first + nr; p++)
		atomic_store(&shm->file[file].page[p].owner, 0);
}

struct page_look page_look(int file, unsigned int page)
{
	const struct s_page *p = &shm->file[file].page[page];

	return (struct page_look){ p->pins > 0, p->epoch };
}

bool page_still(int file, unsigned int page, struct page_look look)
{
	const struct s_page *p = &shm->file[file].page[page];

	return look.pinned && p->pins && p->epoch == look.epoch;
}

void page_forget(int file, unsigned int page)
{
	shm->file[file].page[page].known = false;
}

void page_known(int file, unsigned int page, struct page_look look, struct tag tag)
{
	struct s_page *p = &shm->file[file].page[page];

	p->known = page_still(file, page, look);
	p->known_epoch = p->epoch;
	p->content = tag;
}

bool page_content(int file, unsigned int page, struct tag *tag)
{
	const struct s_page *p = &shm->file[file].page[page];

	*tag = p->content;
	return p->known && p->pins && p->known_epoch == p->epoch;
}
