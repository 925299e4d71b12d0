// SPDX-License-Identifier: GPL-2.0
/* Memory regions of the RDMA device, and transfers into them. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "rdma.h"
#include "worker.h"

/* A region can always be taken back. */
#define PIN_FLAGS	(TESTDEV_PIN_WRITE | TESTDEV_PIN_REVOCABLE)

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

int rdma_make(struct rng *rng)
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

int region_at(int file, int dev, unsigned int first, unsigned int nr, int *index)
{
	char *map = file_mapping(file);
	struct pin_try t;
	int i, ret;

	note(file, first, nr);
	if (!map || !pin_begin(&t, file, dev, first, nr, PIN_FLAGS))
		return SKIPPED;
	i = pin_index(t.pin);
	*index = i;
	mr[i] = rdma_reg(&rdma, map + first * PAGE_SZ, nr * PAGE_SZ, RDMA_ACCESS);
	ret = mr[i] ? 0 : -errno;
	/* What a region goes by here is its place in the table. */
	pin_finish(&t, ret, i + 1);
	if (!ret)
		did(DID_RDMA);
	return ret;
}

int op_register(struct rng *rng)
{
	int file = file_any(rng), dev = rdma_make(rng), index;
	unsigned int first, nr;

	if (file < 0 || dev < 0)
		return SKIPPED;
	model_lock();
	choose_range(rng, file, &first, &nr);
	model_unlock();
	return region_at(file, dev, first, nr, &index);
}

int region_end(int i)
{
	struct s_pin *pin = &shm->pin[i];
	int ret;

	if (!mr[i])
		return SKIPPED;
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

int op_deregister(struct rng *rng)
{
	unsigned int start = rng_below(rng, PINS_MAX), i;

	for (i = 0; i < PINS_MAX; i++) {
		if (mr[(start + i) % PINS_MAX])
			return region_end((start + i) % PINS_MAX);
	}
	return SKIPPED;
}

/* 0, -EKEYREVOKED, or another -errno.  An error stops the queue pairs. */
static int transfer(enum ibv_wr_opcode op, int i, size_t len)
{
	int status = rdma_status(&rdma, op, anon_mr, anon, mr[i]->rkey, mr[i]->addr, len), ret;

	if (status <= 0)
		return status;
	ret = rdma_reopen(&rdma);
	if (ret)
		fault(FAULT_RULE, "new queue pairs: %s", strerror(-ret));
	return status == IBV_WC_REM_ACCESS_ERR ? -EKEYREVOKED : -EREMOTEIO;
}

int region_read(int i)
{
	return mr[i] ? transfer(IBV_WR_RDMA_READ, i, sizeof(uint64_t)) : SKIPPED;
}

int region_write(const struct s_pin *pin, int index)
{
	struct write_look w;
	int ret = SKIPPED;

	if (!mr[index] || !pages_try(pin->file, pin->first, pin->nr))
		return SKIPPED;
	if (write_begin(pin, index, anon, &w)) {
		ret = transfer(IBV_WR_RDMA_WRITE, index, pin->nr * PAGE_SZ);
		write_finish(pin, index, ret, &w);
	}
	pages_put(pin->file, pin->first, pin->nr);
	return ret;
}

int op_transfer(struct rng *rng)
{
	struct s_pin pin;
	int index;

	if (!pin_take(rng, true, true, &pin, &index))
		return SKIPPED;
	return region_write(&pin, index);
}
