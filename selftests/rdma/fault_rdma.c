// SPDX-License-Identifier: GPL-2.0
/*
 * Faults in the registration of memory regions in DAX files: each allocation
 * and each call that can fail does; or the caller is killed there.
 */
#include "dax_fixture.h"
#include "fault.h"
#include "leak.h"
#include "rdma.h"

#include <sys/mman.h>

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	900

/* More than the RDMA core pins at once. */
#define PAGES		520

static struct {
	int fd;
	char *addr;
	size_t len;

	int lease;
	struct rdma rdma;
	struct ibv_mr *mr;
} ctx;

static struct fault_op op;

/* As ibv_reg_mr(): Documentation/uapi.rst, what rxe adds, and EINTR of who is killed. */
static const int reg_errnos[] = { ENOMEM, EFAULT, EINTR, EAGAIN, 0 };

static const struct inject_func reg_calls[] = {
	FAULT_FUNC("down_read_killable", -EINTR),
	FAULT_FUNC("pin_user_pages_fast", -ENOMEM),
	FAULT_FUNC("layout_pin_grab", -EFAULT),
	FAULT_FUNC("pin_user_pages_fast_only", 0),
	FAULT_ARGUMENT("pin_user_pages_fast_only", 1, 1),
	FAULT_FUNC("pin_user_pages", -ENOMEM),
	FAULT_FUNC("pin_user_pages", -EFAULT),
	FAULT_ARGUMENT("pin_user_pages", 1, 1),
	FAULT_FUNC("faultin_page_range", -ENOMEM),
	FAULT_FUNC("layout_pin_user_pages_fast", -ENOMEM),
	FAULT_ARGUMENT("layout_pin_user_pages_fast", 1, 1),
	FAULT_FUNC("ib_umem_get_mr", -ENOMEM),
	FAULT_FUNC("sg_alloc_append_table_from_pages", -ENOMEM),
	{ },
};

static long setup_device(void *arg)
{
	(void)arg;
	/* A process of its own has not mapped anything yet. */
	for (size_t i = 0; i < ctx.len; i += PAGE_SZ)
		ctx.addr[i] = 1;
	ctx.lease = lease_take(ctx.fd);
	return ctx.lease < 0 ? ctx.lease : rdma_open(&ctx.rdma, false);
}

static long run_reg(void *arg)
{
	(void)arg;
	ctx.mr = rdma_reg(&ctx.rdma, ctx.addr, ctx.len, RDMA_ACCESS);
	return ctx.mr ? 0 : -errno;
}

static long cleanup_reg(void *arg, long ret)
{
	long err = 0;

	(void)arg;
	if (!ret)
		err = -ibv_dereg_mr(ctx.mr);
	if (!err)
		err = lease_set_nonblock(ctx.lease, true);
	if (!err)
		err = lease_release(ctx.lease);
	rdma_close(&ctx.rdma);
	close(ctx.lease);
	return err;
}

static const struct fault_op *make_reg(struct dax_test *self)
{
	char path[PATH_LEN];

	other_path(path, "region");
	ctx.len = PAGES * PAGE_SZ;
	ctx.fd = file_create(path, ctx.len, FILE_SEED);
	ctx.addr = ctx.fd < 0 ? NULL : file_map(ctx.fd, ctx.len, PROT_READ | PROT_WRITE);
	op = (struct fault_op) {
		.name = "registration", .setup = setup_device, .run = run_reg,
		.cleanup = cleanup_reg, .errnos = reg_errnos,
	};
	if (!ctx.addr)
		op.clean = -EPROTO;
	return &op;
}

FAULT_TESTS(dax, registration, make_reg, .memory = true, .copies = true, .func = reg_calls)
FAULT_TEST_NTH(dax, registration, make_reg)

/* Giving a region back may fail, and does it then when asked again. */
static long setup_region(void *arg)
{
	long ret = setup_device(arg);

	return ret ? ret : run_reg(arg);
}

static long run_dereg(void *arg)
{
	(void)arg;
	return -ibv_dereg_mr(ctx.mr);
}

static long cleanup_dereg(void *arg, long ret)
{
	return cleanup_reg(arg, !ret);
}

static const struct fault_op *make_dereg(struct dax_test *self)
{
	make_reg(self);
	op.name = "deregistration";
	op.setup = setup_region;
	op.run = run_dereg;
	op.cleanup = cleanup_dereg;
	return &op;
}

FAULT_TESTS(dax, deregistration, make_dereg, .memory = true, .copies = true)
FAULT_TEST_NTH(dax, deregistration, make_dereg)

TEST_LEAKS

TEST_HARNESS_MAIN
