// SPDX-License-Identifier: GPL-2.0
/* Pins by the test device, and what it does to their pages. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "worker.h"

#define MINE_MAX	2

void choose_range(struct rng *rng, int file, unsigned int *first, unsigned int *nr)
{
	unsigned int start = rng_below(rng, LEASES_MAX), any = rng_below(rng, 6);

	*first = rng_below(rng, FILE_PAGES);
	*nr = 1 + rng_below(rng, PIN_PAGES_MAX);
	for (int i = 0; any && i < LEASES_MAX; i++) {
		const struct s_lease *lease = &shm->lease[(start + i) % LEASES_MAX];

		if (!lease->used || lease->state != LEASE_HELD || lease->file != file ||
		    !lease_mine(lease))
			continue;
		if (lease->end == TO_INFINITY)
			*first = lease->first + *first % (FILE_PAGES - lease->first);
		else
			*first = lease->first + *first % (lease->end - lease->first);
		break;
	}
	if (*first >= FILE_PAGES)
		*first = FILE_PAGES - 1;
	if (*nr > FILE_PAGES - *first)
		*nr = FILE_PAGES - *first;
}

/* A lease that nobody else can take away, over all of it. */
static bool pin_is_due(int file, unsigned int first, unsigned int end)
{
	for (int i = 0; i < LEASES_MAX; i++) {
		const struct s_lease *lease = &shm->lease[i];

		if (lease_certain(lease) && lease->file == file && lease_mine(lease) &&
		    lease->owners == MY_BIT && !lease->in_flight && !lease->closing &&
		    lease_covers(lease, first, end))
			return true;
	}
	return false;
}

static bool file_releasing(int file)
{
	for (int i = 0; i < LEASES_MAX; i++) {
		const struct s_lease *lease = &shm->lease[i];

		if (lease->used && lease->file == file && lease->releasing)
			return true;
	}
	return false;
}

/* Under which leases it may come to be.  Where one is breakable, it may be taken back. */
static void find_leases(struct s_pin *pin)
{
	bool breakable = false;

	pin->leases = 0;
	for (int i = 0; i < LEASES_MAX; i++) {
		const struct s_lease *lease = &shm->lease[i];

		if (!lease->used || lease->state == LEASE_NONE || lease->file != pin->file ||
		    !lease_mine(lease) || lease->first >= pin->first + pin->nr ||
		    pin->first >= lease->end)
			continue;
		pin->leases++;
		breakable |= lease->break_ms;
	}
	if (breakable || shm->file[pin->file].forcing)
		pin_risk(pin);
}

bool pin_begin(struct pin_try *t, int file, int dev, unsigned int first, unsigned int nr,
	       unsigned int flags)
{
	struct s_pin *pin;

	model_lock();
	pin = pin_new();
	t->pin = pin;
	if (!pin) {
		model_unlock();
		return false;
	}
	pin->dev = dev;
	pin->file = file;
	pin->first = first;
	pin->nr = nr;
	pin->write = flags & TESTDEV_PIN_WRITE;
	pin->revocable = flags & TESTDEV_PIN_REVOCABLE;
	find_leases(pin);
	pin->nonce = atomic_fetch_add(&shm->nonce, 1);
	pin->pid = self;
	me->doing_pin = pin_index(pin);
	shm->file[file].events++;
	t->allowed = file_mine(file);
	t->due = pin_is_due(file, first, first + nr);
	t->changing = shm->file[file].changing || file_releasing(file);
	t->changes = shm->file[file].changes;
	t->releases = shm->file[file].releases;
	model_unlock();
	name_task('P', pin_index(pin), pin->nonce);
	return true;
}

void pin_finish(struct pin_try *t, int ret, uint32_t id)
{
	struct s_pin *pin = t->pin;
	int file = pin->file;
	unsigned int first = pin->first, end = first + pin->nr;

	model_lock();
	me->doing_pin = -1;
	if (!ret && !t->allowed)
		fault(FAULT_RULE, "file %d pages %u to %u were pinned without a lease", file,
		      first, end);
	if (ret == -EOPNOTSUPP && t->due && pin_is_due(file, first, end))
		fault(FAULT_RULE, "file %d pages %u to %u were not pinned under a lease", file,
		      first, end);
	if (ret == -EAGAIN && !t->changing && t->changes == shm->file[file].changes &&
	    t->releases == shm->file[file].releases)
		fault(FAULT_RULE, "pin of file %d: EAGAIN, and nobody changes or releases it",
		      file);
	if (!ret)
		pin_held(pin, id);
	else
		pin_gone(pin);
	model_unlock();
	EXPECTED("pin", ret, -EOPNOTSUPP, -EAGAIN, -EFAULT);
	did(ret ? DID_PIN_REFUSED : DID_PIN);
	if (!ret && child)
		did(DID_CHILD_PIN);
}

int dev_open(void)
{
	struct s_dev *dev;
	int i, fd;

	fd = testdev_open();
	if (fd < 0) {
		fault(FAULT_RULE, "open " TESTDEV_DEV ": %s", strerror(-fd));
		return -1;
	}
	fcntl(fd, F_SETFD, 0);
	model_lock();
	dev = dev_new(false);
	i = dev ? dev_index(dev) : -1;
	if (dev) {
		dev->owners = MY_BIT;
		me->dev_fd[i] = fd;
	}
	model_unlock();
	if (!dev)
		close(fd);
	return i;
}

int dev_make(struct rng *rng)
{
	int mine = 0;

	for (int i = 0; i < DEVS_MAX; i++)
		mine += me->dev_fd[i] >= 0 && !shm->dev[i].rdma;
	if (mine && (mine >= MINE_MAX || rng_below(rng, 8)))
		return dev_any(rng, false);
	return dev_open();
}

int pin_at(int file, int dev, unsigned int first, unsigned int nr, unsigned int flags,
	   int *index)
{
	char *map = file_mapping(file);
	struct pin_try t;
	uint32_t id = 0;
	int ret;

	note(file, first, nr);
	if (!map || !pin_begin(&t, file, dev, first, nr, flags))
		return SKIPPED;
	*index = pin_index(t.pin);
	ret = testdev_pin(me->dev_fd[dev], map + first * PAGE_SZ, nr, flags, &id);
	pin_finish(&t, ret, id);
	return ret;
}

int pin_pages(struct rng *rng, int file, int dev)
{
	unsigned int flags = rng_below(rng, 4) ? TESTDEV_PIN_WRITE : 0, first, nr;
	int index;

	if (rng_below(rng, 2))
		flags |= TESTDEV_PIN_REVOCABLE;
	model_lock();
	choose_range(rng, file, &first, &nr);
	model_unlock();
	return pin_at(file, dev, first, nr, flags, &index);
}

/* Most often a file that this process may pin. */
static int file_to_pin(struct rng *rng)
{
	unsigned int start = rng_below(rng, LEASES_MAX), any = rng_below(rng, 5);

	for (int i = 0; any && i < LEASES_MAX; i++) {
		const struct s_lease *lease = &shm->lease[(start + i) % LEASES_MAX];
		int file = lease->file;

		if (lease->used && lease->state == LEASE_HELD && lease_mine(lease) &&
		    file >= 0 && file_open(file) >= 0)
			return file;
	}
	return file_any(rng);
}

int op_pin(struct rng *rng)
{
	int file = file_to_pin(rng), dev = dev_make(rng);

	if (file < 0 || dev < 0)
		return SKIPPED;
	return pin_pages(rng, file, dev);
}

struct s_pin *pin_mine(struct rng *rng, bool rdma, bool write)
{
	unsigned int start = rng_below(rng, PINS_MAX);

	for (int i = 0; i < PINS_MAX; i++) {
		struct s_pin *pin = &shm->pin[(start + i) % PINS_MAX];

		if (pin->state == PIN_HELD && pin->id && me->dev_fd[pin->dev] >= 0 &&
		    shm->dev[pin->dev].rdma == rdma && (pin->write || !write) &&
		    !(rdma && pin->revoked))
			return pin;
	}
	return NULL;
}

bool pin_same(const struct s_pin *pin, int index)
{
	return shm->pin[index].state == PIN_HELD && shm->pin[index].nonce == pin->nonce;
}

/* With the lock held, which it gives up. */
static int unpin_unlock(struct s_pin *pin)
{
	bool revoked = false;
	int ret;

	note(pin->file, pin->first, pin->nr);
	pin_ending(pin);
	me->doing_pin = pin_index(pin);
	model_unlock();
	ret = testdev_unpin_told(me->dev_fd[pin->dev], pin->id, &revoked);
	model_lock();
	me->doing_pin = -1;
	if (revoked)
		pin_revoked(pin);
	else if (pin->revoked)
		fault(FAULT_RULE, "pin P%d.%u had been taken back, and now was not",
		      pin_index(pin), pin->nonce);
	/* There is no doubt. */
	pin->risky = false;
	pin_gone(pin);
	model_unlock();
	EXPECTED("unpin", ret, 0);
	return ret;
}

int op_unpin(struct rng *rng)
{
	struct s_pin *pin;

	model_lock();
	pin = pin_mine(rng, false, false);
	if (pin)
		return unpin_unlock(pin);
	model_unlock();
	return SKIPPED;
}

bool unpin(const struct s_pin *pin, int index)
{
	model_lock();
	if (pin_same(pin, index))
		return !unpin_unlock(&shm->pin[index]);
	model_unlock();
	return false;
}

int unpin_all(int file, uint64_t first, uint64_t end)
{
	int nr = 0;

	for (int i = 0; i < PINS_MAX; i++) {
		struct s_pin *pin = &shm->pin[i], copy;
		bool take;

		model_lock();
		copy = *pin;
		take = copy.state == PIN_HELD && copy.file == file && copy.id &&
		       me->dev_fd[copy.dev] >= 0 && copy.first < end &&
		       first < copy.first + copy.nr;
		model_unlock();
		if (take && shm->dev[copy.dev].rdma)
			nr += !region_end(i);
		else if (take)
			nr += unpin(&copy, i);
	}
	return nr;
}

void dev_close(int i)
{
	struct s_dev *dev = &shm->dev[i];
	int fd = me->dev_fd[i];

	if (fd < 0)
		return;
	model_lock();
	dev_leave(dev);
	me->closing_dev = i;
	me->dev_fd[i] = -1;
	model_unlock();
	if (dev->rdma)
		rdma_close_dev();
	else
		close(fd);
	model_lock();
	dev->closing--;
	me->closing_dev = -1;
	dev_settle(dev);
	model_unlock();
}

int op_close_dev(struct rng *rng)
{
	int i = dev_any(rng, false);

	note(i, 0, 0);
	if (i < 0)
		return SKIPPED;
	dev_close(i);
	return 0;
}

int op_pass_dev(struct rng *rng)
{
	int i = dev_any(rng, false), to = rng_below(rng, shm->workers);

	note(i, to, 0);
	if (i < 0)
		return SKIPPED;
	return inbox_send(to, true, i);
}
