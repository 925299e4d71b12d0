// SPDX-License-Identifier: GPL-2.0
/* What devices do to the pages that they have pinned. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "content.h"
#include "worker.h"

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
	return true;
}

bool write_begin(const struct s_pin *pin, int index, char *buf, struct write_look *w)
{
	bool there;

	for (unsigned int i = 0; i < pin->nr; i++)
		w->tag[i] = fresh_page(buf + i * PAGE_SZ, TAG_DEVICE, pin->file, pin->first + i);
	model_lock();
	there = pin_same(pin, index);
	w->revoked = shm->pin[index].revoked;
	for (unsigned int i = 0; there && i < pin->nr; i++) {
		w->look[i] = page_look(pin->file, pin->first + i);
		page_forget(pin->file, pin->first + i);
	}
	model_unlock();
	return there;
}

/* Whether the pages had not been taken back; then they were not before either. */
static bool reaches(const struct s_pin *pin, int index)
{
	char byte;

	if (shm->dev[pin->dev].rdma)
		return !region_read(index);
	return !testdev_read(me->dev_fd[pin->dev], pin->id, 0, &byte, 1);
}

/* Under the lock: a device says so. */
static void device_says(const struct s_pin *pin, int index, const char *what, int ret)
{
	if (!ret || !pin_same(pin, index))
		return;
	if (ret == -EKEYREVOKED)
		pin_revoked(&shm->pin[index]);
	else
		fault(FAULT_RULE, "%s of a device: %s", what, strerror(-ret));
}

void write_finish(const struct s_pin *pin, int index, int ret, struct write_look *w)
{
	static char seen[PIN_PAGES_MAX * PAGE_SZ];
	int fd = me->file_fd[pin->file];
	bool stayed = false;
	ssize_t n = 0;

	if (!ret && fd >= 0)
		n = pread(fd, seen, pin->nr * PAGE_SZ, pin->first * PAGE_SZ);
	if (n < 0)
		n = 0;
	memset(seen + n, 0, sizeof(seen) - n);
	/* What may be taken back at any time was not, up to now. */
	if (!ret && fd >= 0 && pin->risky)
		stayed = reaches(pin, index);
	model_lock();
	device_says(pin, index, "write", ret);
	if (!ret && w->revoked)
		fault(FAULT_RULE, "a device writes to pin P%d.%u, which has been taken back",
		      index, pin->nonce);
	for (unsigned int i = 0; !ret && i < pin->nr; i++) {
		unsigned int p = pin->first + i;
		char *page = seen + i * PAGE_SZ;

		if (!page_still(pin->file, p, w->look[i]) && !stayed)
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

int device_write(const struct s_pin *pin, int index)
{
	static char buf[PIN_PAGES_MAX * PAGE_SZ];
	struct write_look w;
	int ret = SKIPPED;

	if (!pages_try(pin->file, pin->first, pin->nr))
		return SKIPPED;
	if (write_begin(pin, index, buf, &w)) {
		ret = testdev_write(me->dev_fd[pin->dev], pin->id, 0, buf, pin->nr * PAGE_SZ);
		write_finish(pin, index, ret, &w);
	}
	pages_put(pin->file, pin->first, pin->nr);
	return ret;
}

int op_device_write(struct rng *rng)
{
	struct s_pin pin;
	int index;

	if (!pin_take(rng, false, true, &pin, &index))
		return SKIPPED;
	return device_write(&pin, index);
}

void pin_use(int file, int dev, unsigned int first, unsigned int nr)
{
	struct s_pin pin;
	int index;

	if (pin_at(file, dev, first, nr, TESTDEV_PIN_WRITE, &index))
		return;
	pin = shm->pin[index];
	device_write(&pin, index);
	/* Somebody else who has the device may be faster. */
	unpin(&pin, index);
}

/* What a device sees is what is in the file. */
int op_device_read(struct rng *rng)
{
	char dev[PAGE_SZ], file[PAGE_SZ];
	struct page_look look;
	struct s_pin pin;
	unsigned int p;
	int index, ret = SKIPPED;
	bool stayed = true;
	ssize_t n;

	if (!pin_take(rng, false, false, &pin, &index) ||
	    !pages_try(pin.file, pin.first, pin.nr))
		return SKIPPED;
	p = pin.first + rng_below(rng, pin.nr);
	model_lock();
	look = page_look(pin.file, p);
	model_unlock();
	if (me->file_fd[pin.file] >= 0) {
		ret = testdev_read(me->dev_fd[pin.dev], pin.id, (p - pin.first) * PAGE_SZ, dev,
				   PAGE_SZ);
		n = pread(me->file_fd[pin.file], file, PAGE_SZ, p * PAGE_SZ);
		if (!ret && pin.risky)
			stayed = reaches(&pin, index);
		model_lock();
		device_says(&pin, index, "read", ret);
		if (!ret && (pin.risky ? stayed : page_still(pin.file, p, look)) &&
		    pin_same(&pin, index) && (n != PAGE_SZ || memcmp(dev, file, PAGE_SZ)))
			fault(FAULT_LOST, "a device sees another page than page %u of file %d", p,
			      pin.file);
		model_unlock();
	}
	pages_put(pin.file, pin.first, pin.nr);
	return ret;
}
