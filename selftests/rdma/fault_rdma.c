// SPDX-License-Identifier: GPL-2.0
/*
 * Faults in the registration of memory regions in DAX files, and in taking them
 * back: each allocation and each call that can fail does; or the caller is killed
 * there.
 */
#include "dax_fixture.h"
#include "fault_calls.h"
#include "leak.h"
#include "rdma.h"

#include <sys/ioctl.h>
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

static const int reg_errnos[] = { PIN_ERRNOS, 0 };

static const struct inject_func reg_calls[] = {
	PIN_CALLS,
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

/* FORCE takes the pages back: before its answer is written, or not at all. */

static const int force_errnos[] = { EFAULT, 0 };

static long run_force(void *arg)
{
	struct daxlease_force args = { .size = sizeof(args), .fd = ctx.fd };

	(void)arg;
	if (ioctl(ctx.lease, DAXLEASE_FORCE, &args))
		return -errno;
	return args.revoked == 1 && !args.killed && !args.pins && args.leases == 1 ? 0 : -EPROTO;
}

/* Where it failed they may be gone or not; then they are. */
static long cleanup_force(void *arg, long ret)
{
	uint64_t pages = lease_pinned_pages();

	if (pages && (pages != PAGES || !ret))
		return -EPROTO;
	return cleanup_reg(arg, 0);
}

static const struct fault_op *make_force(struct dax_test *self)
{
	make_reg(self);
	op.name = "force";
	op.setup = setup_region;
	op.run = run_force;
	op.cleanup = cleanup_force;
	op.errnos = force_errnos;
	return &op;
}

TEST_F(dax, force)
{
	static const struct fault_set set = { .copies = true };
	static const struct fault_set memory = { .memory = true };

	EXPECT_FAULTS(fault_sweep(make_force(self), &set));
	/* It needs none to kill nobody. */
	EXPECT_EQ(0, fault_sweep(&op, &memory));
}

/* A region is taken back by a task that is killed meanwhile: to its end. */
TEST_F(dax, force_killed)
{
	static const struct inject_func steps[] = {
		FAULT_FUNC("rxe_mr_revoke", 0),
		FAULT_FUNC("unpin_user_page_range_dirty_lock", 0),
		FAULT_FUNC("sg_free_append_table", 0),
		{ },
	};
	static const struct fault_set set = { .func = steps, .copies = true, .kill = true };

	EXPECT_FAULTS(fault_sweep(make_force(self), &set));
}

FAULT_TEST_NTH(dax, force, make_force)

/* A region without pages is given back like any other. */
static long setup_revoked(void *arg)
{
	long ret = setup_region(arg);

	return ret ? ret : run_force(arg);
}

static const struct fault_op *make_dereg_revoked(struct dax_test *self)
{
	make_dereg(self);
	op.name = "deregistration of what is taken back";
	op.setup = setup_revoked;
	return &op;
}

FAULT_TESTS(dax, deregistration_revoked, make_dereg_revoked, .memory = true, .copies = true)
FAULT_TEST_NTH(dax, deregistration_revoked, make_dereg_revoked)

TEST_LEAKS

TEST_HARNESS_MAIN
