// SPDX-License-Identifier: GPL-2.0
/* Pins by the test device, and what it does to their pages. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "content.h"
#include "testdev.h"
#include "worker.h"

#define PAGES_MAX	8
#define MINE_MAX	2

void choose_range(struct rng *rng, int file, unsigned int *first, unsigned int *nr)
{
	unsigned int start = rng_below(rng, LEASES_MAX), any = rng_below(rng, 6);

	*first = rng_below(rng, FILE_PAGES);
	*nr = 1 + rng_below(rng, PAGES_MAX);
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

bool pin_begin(struct pin_try *t, int file, int dev, unsigned int first, unsigned int nr,
	       bool write)
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
	pin->write = write;
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

int dev_make(struct rng *rng)
{
	int i, fd, mine = 0;
	struct s_dev *dev;

	for (i = 0; i < DEVS_MAX; i++)
		mine += me->dev_fd[i] >= 0 && !shm->dev[i].rdma;
	if (mine && (mine >= MINE_MAX || rng_below(rng, 8)))
		return dev_any(rng, false);
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

int pin_at(int file, int dev, unsigned int first, unsigned int nr, bool write, int *index)
{
	char *map = file_mapping(file);
	struct pin_try t;
	uint32_t id = 0;
	int ret;

	note(file, first, nr);
	if (!map || !pin_begin(&t, file, dev, first, nr, write))
		return SKIPPED;
	*index = pin_index(t.pin);
	ret = testdev_pin(me->dev_fd[dev], map + first * PAGE_SZ, nr,
			  write ? TESTDEV_PIN_WRITE : 0, &id);
	pin_finish(&t, ret, id);
	return ret;
}

int pin_pages(struct rng *rng, int file, int dev)
{
	bool write = rng_below(rng, 4);
	unsigned int first, nr;
	int index;

	model_lock();
	choose_range(rng, file, &first, &nr);
	model_unlock();
	return pin_at(file, dev, first, nr, write, &index);
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

/* Under the lock: a pin by a device of this process. */
static struct s_pin *pin_mine(struct rng *rng, bool rdma, bool write)
{
	unsigned int start = rng_below(rng, PINS_MAX);

	for (int i = 0; i < PINS_MAX; i++) {
		struct s_pin *pin = &shm->pin[(start + i) % PINS_MAX];

		if (pin->state == PIN_HELD && pin->id && me->dev_fd[pin->dev] >= 0 &&
		    shm->dev[pin->dev].rdma == rdma && (pin->write || !write))
			return pin;
	}
	return NULL;
}

/* With the lock held, which it gives up. */
static int unpin_unlock(struct s_pin *pin)
{
	int ret;

	note(pin->file, pin->first, pin->nr);
	pin_ending(pin);
	me->doing_pin = pin_index(pin);
	model_unlock();
	ret = testdev_unpin(me->dev_fd[pin->dev], pin->id);
	model_lock();
	me->doing_pin = -1;
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

bool pin_take(struct rng *rng, bool rdma, bool write, struct s_pin *copy, int *index)
{
	struct s_pin *pin;

	model_lock();
	pin = pin_mine(rng, rdma, write);
	if (pin) {
		*copy = *pin;
		*index = pin_index(pin);
	}
	model_unlock();
	if (!pin)
		return false;
	note(copy->file, copy->first, copy->nr);
	return pages_try(copy->file, copy->first, copy->nr);
}

static bool pin_same(const struct s_pin *pin, int index)
{
	return shm->pin[index].state == PIN_HELD && shm->pin[index].nonce == pin->nonce;
}

bool write_begin(const struct s_pin *pin, int index, char *buf, struct write_look *w)
{
	bool there;

	for (unsigned int i = 0; i < pin->nr; i++)
		w->tag[i] = fresh_page(buf + i * PAGE_SZ, TAG_DEVICE, pin->file, pin->first + i);
	model_lock();
	there = pin_same(pin, index);
	for (unsigned int i = 0; there && i < pin->nr; i++) {
		w->look[i] = page_look(pin->file, pin->first + i);
		page_forget(pin->file, pin->first + i);
	}
	model_unlock();
	return there;
}

void write_finish(const struct s_pin *pin, int index, int ret, struct write_look *w)
{
	static char seen[PAGES_MAX * PAGE_SZ];
	int fd = me->file_fd[pin->file];
	ssize_t n = 0;

	if (!ret && fd >= 0)
		n = pread(fd, seen, pin->nr * PAGE_SZ, pin->first * PAGE_SZ);
	if (n < 0)
		n = 0;
	memset(seen + n, 0, sizeof(seen) - n);
	model_lock();
	if (ret && pin_same(pin, index))
		fault(FAULT_RULE, "write of a device to a pin: %s", strerror(-ret));
	for (unsigned int i = 0; !ret && i < pin->nr; i++) {
		unsigned int p = pin->first + i;
		char *page = seen + i * PAGE_SZ;

		if (!page_still(pin->file, p, w->look[i]))
			continue;
		if (fd >= 0 && !tag_same(page, w->tag[i]))
			content_fault(FAULT_LOST, "device's write to", pin->file, p, page,
				      w->tag[i]);
		else
			page_known(pin->file, p, w->look[i], w->tag[i]);
	}
	model_unlock();
	if (!ret)
		did(DID_DEVICE_WRITE);
	if (!ret && fd >= 0)
		did(DID_READ_BACK);
}

static int device_write(const struct s_pin *pin, int index)
{
	static char buf[PAGES_MAX * PAGE_SZ];
	struct write_look w;
	int ret;

	if (!write_begin(pin, index, buf, &w))
		return SKIPPED;
	ret = testdev_write(me->dev_fd[pin->dev], pin->id, 0, buf, pin->nr * PAGE_SZ);
	write_finish(pin, index, ret, &w);
	return ret;
}

int op_device_write(struct rng *rng)
{
	struct s_pin pin;
	int index, ret;

	if (!pin_take(rng, false, true, &pin, &index))
		return SKIPPED;
	ret = device_write(&pin, index);
	pages_put(pin.file, pin.first, pin.nr);
	return ret;
}

void pin_use(int file, int dev, unsigned int first, unsigned int nr)
{
	struct s_pin *pin, copy;
	int index;

	if (pin_at(file, dev, first, nr, true, &index))
		return;
	pin = &shm->pin[index];
	copy = *pin;
	if (pages_try(file, first, nr)) {
		device_write(&copy, index);
		pages_put(file, first, nr);
	}
	model_lock();
	/* Somebody else who has the device may have been faster. */
	if (pin_same(&copy, index))
		unpin_unlock(pin);
	else
		model_unlock();
}

/* What a device sees is what is in the file. */
int op_device_read(struct rng *rng)
{
	char dev[PAGE_SZ], file[PAGE_SZ];
	struct page_look look;
	struct s_pin pin;
	unsigned int p;
	int index, ret = SKIPPED;
	ssize_t n;

	if (!pin_take(rng, false, false, &pin, &index))
		return SKIPPED;
	p = pin.first + rng_below(rng, pin.nr);
	model_lock();
	look = page_look(pin.file, p);
	model_unlock();
	if (me->file_fd[pin.file] >= 0) {
		ret = testdev_read(me->dev_fd[pin.dev], pin.id, (p - pin.first) * PAGE_SZ, dev,
				   PAGE_SZ);
		n = pread(me->file_fd[pin.file], file, PAGE_SZ, p * PAGE_SZ);
		model_lock();
		if (ret && pin_same(&pin, index))
			fault(FAULT_RULE, "read of a device from a pin: %s", strerror(-ret));
		else if (!ret && page_still(pin.file, p, look) && pin_same(&pin, index) &&
			 (n != PAGE_SZ || memcmp(dev, file, PAGE_SZ)))
			fault(FAULT_LOST, "a device sees another page than page %u of file %d", p,
			      pin.file);
		model_unlock();
	}
	pages_put(pin.file, pin.first, pin.nr);
	return ret;
}
