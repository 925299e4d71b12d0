// SPDX-License-Identifier: GPL-2.0
/* Memory regions of the RDMA device, and transfers into them. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "rdma.h"
#include "worker.h"

/* Of this process image: gone after execve(). */
static struct rdma rdma;
static struct ibv_mr *mr[PINS_MAX];
static struct ibv_mr *anon_mr;
static char *anon;

void rdma_close_dev(void)
{
	for (int i = 0; i < PINS_MAX; i++) {
		if (mr[i])
			ibv_dereg_mr(mr[i]);
		mr[i] = NULL;
	}
	if (anon_mr)
		ibv_dereg_mr(anon_mr);
	anon_mr = NULL;
	rdma_close(&rdma);
}

static int rdma_make(struct rng *rng)
{
	struct s_dev *dev;
	int i, ret;

	i = dev_any(rng, true);
	if (i >= 0)
		return i;
	if (!anon)
		anon = mmap(NULL, ANON_PAGES * PAGE_SZ, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (anon == MAP_FAILED) {
		anon = NULL;
		return -1;
	}
	ret = rdma_open(&rdma, 1);
	if (ret) {
		fault(FAULT_RULE, "RDMA device: %s", strerror(-ret));
		return -1;
	}
	anon_mr = rdma_reg(&rdma, anon, ANON_PAGES * PAGE_SZ, RDMA_ACCESS);
	if (!anon_mr) {
		fault(FAULT_RULE, "anonymous memory region: %s", strerror(errno));
		rdma_close(&rdma);
		return -1;
	}
	model_lock();
	dev = dev_new(true);
	i = dev ? dev_index(dev) : -1;
	if (dev) {
		dev->owners = MY_BIT;
		me->dev_fd[i] = rdma.ctx->cmd_fd;
	}
	model_unlock();
	if (!dev)
		rdma_close_dev();
	return i;
}

int op_register(struct rng *rng)
{
	int file = file_any(rng), dev = rdma_make(rng), i, ret;
	unsigned int first, nr;
	struct pin_try t;
	char *map;

	if (file < 0 || dev < 0)
		return SKIPPED;
	model_lock();
	choose_range(rng, file, &first, &nr);
	model_unlock();
	note(file, first, nr);
	map = file_mapping(file);
	if (!map || !pin_begin(&t, file, dev, first, nr, true))
		return SKIPPED;
	i = pin_index(t.pin);
	mr[i] = rdma_reg(&rdma, map + first * PAGE_SZ, nr * PAGE_SZ, RDMA_ACCESS);
	ret = mr[i] ? 0 : -errno;
	/* What a region goes by here is its place in the table. */
	pin_finish(&t, ret, i + 1);
	if (!ret)
		did(DID_RDMA);
	return ret;
}

static struct s_pin *region_any(struct rng *rng)
{
	unsigned int start = rng_below(rng, PINS_MAX), i;

	for (i = 0; i < PINS_MAX; i++) {
		if (mr[(start + i) % PINS_MAX])
			return &shm->pin[(start + i) % PINS_MAX];
	}
	return NULL;
}

int op_deregister(struct rng *rng)
{
	struct s_pin *pin = region_any(rng);
	int i, ret;

	if (!pin)
		return SKIPPED;
	i = pin_index(pin);
	model_lock();
	note(pin->file, pin->first, pin->nr);
	pin_ending(pin);
	me->doing_pin = i;
	model_unlock();
	ret = -ibv_dereg_mr(mr[i]);
	mr[i] = NULL;
	model_lock();
	me->doing_pin = -1;
	pin_gone(pin);
	model_unlock();
	EXPECTED("ibv_dereg_mr", ret, 0);
	return ret;
}

int op_transfer(struct rng *rng)
{
	struct write_look w;
	struct s_pin pin;
	int index, ret = SKIPPED;

	if (!pin_take(rng, true, true, &pin, &index))
		return SKIPPED;
	if (mr[index] && write_begin(&pin, index, anon, &w)) {
		ret = rdma_transfer(&rdma, IBV_WR_RDMA_WRITE, anon_mr, anon, mr[index],
				    mr[index]->addr, pin.nr * PAGE_SZ);
		write_finish(&pin, index, ret, &w);
	}
	pages_put(pin.file, pin.first, pin.nr);
	return ret;
}
