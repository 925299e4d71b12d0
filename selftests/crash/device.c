// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <sys/mman.h>

#include "device.h"
#include "testdev.h"

void device_open(struct worker *w, struct device *d)
{
	d->buf = mmap(NULL, DEVICE_BATCH * PAGE_SZ, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(w, d->buf != MAP_FAILED);
	if (!d->is_rdma) {
		d->dev = testdev_open();
		must(w, d->dev >= 0);
		return;
	}
	must(w, !rdma_open(&d->rdma, 1));
	d->buf_mr = rdma_reg(&d->rdma, d->buf, DEVICE_BATCH * PAGE_SZ, RDMA_ACCESS);
	must(w, d->buf_mr);
}

void device_pin(struct worker *w, struct device *d, char *map, unsigned int pages,
		bool revocable)
{
	uint32_t flags = TESTDEV_PIN_WRITE | (revocable ? TESTDEV_PIN_REVOCABLE : 0);

	d->map = map;
	if (d->is_rdma) {
		d->mr = rdma_reg(&d->rdma, map, pages * PAGE_SZ, RDMA_ACCESS);
		must(w, d->mr);
	} else {
		must(w, !testdev_pin(d->dev, map, pages, flags, &d->pin));
	}
}

void device_unpin(struct worker *w, struct device *d)
{
	if (d->is_rdma)
		must(w, !ibv_dereg_mr(d->mr));
	else
		must(w, !testdev_unpin(d->dev, d->pin));
	if (d->stopped && d->is_rdma)
		must(w, !rdma_reopen(&d->rdma));
	d->stopped = false;
}

bool device_write(struct worker *w, struct device *d, unsigned int page, unsigned int count)
{
	size_t off = page * PAGE_SZ, len = count * PAGE_SZ;
	int ret, revoked;

	if (d->is_rdma) {
		ret = rdma_status(&d->rdma, IBV_WR_RDMA_WRITE, d->buf_mr, d->buf, d->mr->rkey,
				  d->map + off, len);
		revoked = IBV_WC_REM_ACCESS_ERR;
	} else {
		ret = testdev_write(d->dev, d->pin, off, d->buf, len);
		revoked = -EKEYREVOKED;
	}
	if (ret && ret != revoked)
		wrong(w, "the device cannot write: %d", ret);
	d->stopped = ret;
	return !ret;
}
