// SPDX-License-Identifier: GPL-2.0
/*
 * Faults in registered buffers of io_uring in DAX files: each allocation and each
 * call that can fail does; or the caller is killed there.  A buffer that was not
 * registered has pinned nothing and costs none of RLIMIT_MEMLOCK.
 */
#include "dax_fixture.h"
#include "fault_calls.h"
#include "huge_file.h"
#include "leak.h"
#include "uring.h"

#include <sys/mman.h>
#include <sys/resource.h>

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	900

/* Without CAP_IPC_LOCK a ring is charged for what it pins. */
#define USER		4711

#define PART		4
/* More than the ring's cache has room for. */
#define BIG_PAGES	40
/* Of rings that are on their way out. */
#define RING_PAGES	24

static struct {
	/* The file that is leased, what of it is registered, and what is the first buffer. */
	int fd;
	char *addr;
	unsigned int pages;
	char *other;
	/* Before each run the pages are unmapped. */
	bool unmap;

	/* As many bytes to read into a buffer. */
	int source;
	int lease;
	struct io_uring ring[2];
} ctx;

static struct fault_op op;

static const int uring_errnos[] = { PIN_ERRNOS, 0 };

static const struct inject_func uring_calls[] = {
	PIN_CALLS,
	/* Where they are not inlined. */
	FAULT_OPTIONAL("__io_account_mem", -ENOMEM),
	FAULT_OPTIONAL("io_account_mem", -ENOMEM),
	{ },
};

/* The memory of a ring that has been closed comes back a moment later. */
static long open_ring(struct io_uring *ring)
{
	int ret = -ENOMEM;

	if (seteuid(USER))
		return -errno;
	for (int i = 0; i < 1000 && ret == -ENOMEM; i++) {
		ret = uring_open(ring);
		if (ret == -ENOMEM)
			usleep(10000);
	}
	return seteuid(0) ? -errno : ret;
}

static long setup_ring(void *arg)
{
	(void)arg;
	ctx.lease = lease_take(ctx.fd);
	if (ctx.lease < 0)
		return ctx.lease;
	if (ctx.unmap && madvise(ctx.addr, ctx.pages * PAGE_SZ, MADV_DONTNEED))
		return -errno;
	/* A process of its own has not mapped anything yet. */
	for (unsigned int i = 0; i < ctx.pages && !ctx.unmap; i++)
		page_of(ctx.addr, i)[0] = 1;
	return open_ring(&ctx.ring[0]);
}

/* What is registered can be read into, by its first and its last page. */
static long try_buffer(struct io_uring *ring, char *addr, unsigned int pages)
{
	char byte = addr[0] + 1;
	char page[PAGE_SZ];

	for (unsigned int i = 0; i < pages; i += pages - 1) {
		struct uring_io io = { ctx.source, 0, page_of(addr, i), PAGE_SZ, 0 };
		long ret;

		memset(page, byte, sizeof(page));
		if (pwrite(ctx.source, page, sizeof(page), 0) != sizeof(page))
			return -EIO;
		ret = uring_read(ring, io);
		if (ret)
			return ret;
		if (memcmp(page_of(addr, i), page, sizeof(page)))
			return -EUCLEAN;
	}
	return 0;
}

static bool released(void *arg)
{
	return lease_release(*(int *)arg) == 0;
}

/*
 * Without a buffer the lease can be given back at once; with one that is gone a
 * moment later, as what was read into it lets go of it after having told.
 */
static long cleanup_ring(long err, bool had)
{
	io_uring_queue_exit(&ctx.ring[0]);
	if (!err)
		err = lease_set_nonblock(ctx.lease, true);
	if (!err && had)
		err = wait_until(released, &ctx.lease) ? 0 : -EBUSY;
	else if (!err)
		err = lease_release(ctx.lease);
	close(ctx.lease);
	return err;
}

static void set_op(struct dax_test *self, const char *name)
{
	memset(&ctx, 0, sizeof(ctx));
	ctx.fd = self->fd;
	ctx.addr = page_of(self->map, 2);
	ctx.pages = PART;
	ctx.source = memfd_create("source", MFD_CLOEXEC);
	op = (struct fault_op) {
		.name = name, .setup = setup_ring, .errnos = uring_errnos,
		.clean = uring_missing() || ctx.source < 0 ? -EPROTO : 0,
	};
}

/* One that spends all, so that what a failure has cost is missed by the next run. */
static bool limit_memlock(unsigned int pages)
{
	struct rlimit limit = { (pages + RING_PAGES) * PAGE_SZ, (pages + RING_PAGES) * PAGE_SZ };

	return !setrlimit(RLIMIT_MEMLOCK, &limit);
}

/* A failed preparation shows as a result that no run has. */
static const struct fault_op *made(bool well)
{
	if (!well)
		op.clean = -EPROTO;
	return &op;
}

/* Register. */

static long run_register(void *arg)
{
	(void)arg;
	return uring_reg(&ctx.ring[0], ctx.addr, ctx.pages * PAGE_SZ);
}

static long cleanup_register(void *arg, long ret)
{
	long err = 0;

	(void)arg;
	if (!ret)
		err = try_buffer(&ctx.ring[0], ctx.addr, ctx.pages);
	if (!err && !ret)
		err = io_uring_unregister_buffers(&ctx.ring[0]);
	return cleanup_ring(err, !ret);
}

static const struct fault_op *make_register(struct dax_test *self)
{
	set_op(self, "register");
	op.run = run_register;
	op.cleanup = cleanup_register;
	return &op;
}

FAULT_TESTS(dax, registration, make_register, .memory = true, .copies = true, .func = uring_calls)
FAULT_TEST_NTH(dax, registration, make_register)

/* Not mapped: each run has to fault the pages in. */
static const struct fault_op *make_faulting(struct dax_test *self)
{
	make_register(self);
	op.name = "register with page faults";
	ctx.unmap = true;
	return &op;
}

FAULT_TESTS(dax, faulting, make_faulting, .memory = true, .copies = true, .func = uring_calls)
FAULT_TEST_NTH(dax, faulting, make_faulting)

static char *map_file(struct dax_test *self, const char *name, unsigned int pages)
{
	char path[PATH_LEN];

	other_path(path, name);
	ctx.fd = file_create(path, pages * PAGE_SZ, FILE_SEED);
	return ctx.fd < 0 ? NULL : file_map(ctx.fd, pages * PAGE_SZ, PROT_READ | PROT_WRITE);
}

static const struct fault_op *make_big(struct dax_test *self)
{
	make_register(self);
	op.name = "register a large one";
	ctx.addr = map_file(self, "big", BIG_PAGES);
	ctx.pages = BIG_PAGES;
	return made(ctx.addr && limit_memlock(BIG_PAGES));
}

FAULT_TESTS(dax, big, make_big, .memory = true, .copies = true, .func = uring_calls)
FAULT_TEST_NTH(dax, big, make_big)

/* In pieces: memory, a file, memory. */
static const struct fault_op *make_mixed(struct dax_test *self)
{
	int prot = PROT_READ | PROT_WRITE;
	char *map;

	make_register(self);
	op.name = "register mixed memory";
	ctx.pages = 3 * PART;
	map = mmap(NULL, ctx.pages * PAGE_SZ, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ctx.addr = map;
	if (map == MAP_FAILED)
		return made(false);
	return made(mmap(page_of(map, PART), PART * PAGE_SZ, prot, MAP_SHARED | MAP_FIXED, ctx.fd,
			 0) != MAP_FAILED);
}

FAULT_TESTS(dax, mixed, make_mixed, .memory = true, .copies = true, .func = uring_calls)
FAULT_TEST_NTH(dax, mixed, make_mixed)

/* Part of a 2 MiB folio, which the ring keeps by one reference and pays for as a whole. */
static bool make_huge(struct __test_metadata *_metadata, struct dax_test *self)
{
	struct huge h;

	make_register(self);
	op.name = "register a part of a large folio";
	if (!prepare(_metadata, self, &h))
		return false;
	ctx.fd = h.fd;
	ctx.addr = page_of(h.map, 7);
	made(limit_memlock(HUGE_PAGES));
	return true;
}

static void sweep_huge(struct __test_metadata *_metadata, struct dax_test *self, bool kill)
{
	const struct fault_set set = {
		.memory = true, .copies = true, .func = uring_calls, .kill = kill,
	};

	if (!make_huge(_metadata, self))
		SKIP(return, "no aligned 2 MiB of blocks");
	EXPECT_FAULTS(fault_sweep(&op, &set));
}

TEST_F(dax, huge)
{
	sweep_huge(_metadata, self, false);
}

TEST_F(dax, huge_killed)
{
	sweep_huge(_metadata, self, true);
}

/* Put into a table, in the place of another one, which stays after a failure. */

static long setup_update(void *arg)
{
	long ret = setup_ring(arg);

	if (!ret)
		ret = io_uring_register_buffers_sparse(&ctx.ring[0], 2);
	return ret ? ret : uring_update(&ctx.ring[0], 0, ctx.other, PART * PAGE_SZ);
}

static long run_update(void *arg)
{
	(void)arg;
	return uring_update(&ctx.ring[0], 0, ctx.addr, ctx.pages * PAGE_SZ);
}

static long cleanup_update(void *arg, long ret)
{
	long err = lease_pinned_pages() == PART ? 0 : -EPROTO;

	(void)arg;
	if (!err)
		err = try_buffer(&ctx.ring[0], ret ? ctx.other : ctx.addr, PART);
	if (!err)
		err = io_uring_unregister_buffers(&ctx.ring[0]);
	return cleanup_ring(err, true);
}

static const struct fault_op *make_update(struct dax_test *self)
{
	set_op(self, "update");
	ctx.other = page_of(self->map, 2 + PART);
	op.setup = setup_update;
	op.run = run_update;
	op.cleanup = cleanup_update;
	return &op;
}

FAULT_TESTS(dax, update, make_update, .memory = true, .copies = true, .func = uring_calls)
FAULT_TEST_NTH(dax, update, make_update)

/* Cloned by another ring: the pin goes when both have let go of it. */

static long setup_clone(void *arg)
{
	long ret = setup_ring(arg);

	if (!ret)
		ret = run_register(NULL);
	return ret ? ret : open_ring(&ctx.ring[1]);
}

static long run_clone(void *arg)
{
	(void)arg;
	return io_uring_clone_buffers(&ctx.ring[1], &ctx.ring[0]);
}

static long cleanup_clone(void *arg, long ret)
{
	long err = try_buffer(&ctx.ring[0], ctx.addr, ctx.pages);

	(void)arg;
	if (!err)
		err = io_uring_unregister_buffers(&ctx.ring[0]);
	if (!err && !ret && lease_pinned_pages() != ctx.pages)
		err = -EPROTO;
	if (!err && !ret)
		err = try_buffer(&ctx.ring[1], ctx.addr, ctx.pages);
	if (!err && io_uring_unregister_buffers(&ctx.ring[1]) != (ret ? -ENXIO : 0))
		err = -EPROTO;
	io_uring_queue_exit(&ctx.ring[1]);
	return cleanup_ring(err, true);
}

static const struct fault_op *make_clone(struct dax_test *self)
{
	set_op(self, "clone");
	op.setup = setup_clone;
	op.run = run_clone;
	op.cleanup = cleanup_clone;
	return &op;
}

FAULT_TESTS(dax, clone, make_clone, .memory = true, .copies = true)
FAULT_TEST_NTH(dax, clone, make_clone)

/* Unregister, and the end of a ring with a buffer: nothing of it can fail. */

static const struct inject_func letting_go[] = {
	FAULT_FUNC("layout_pin_release", 0),
	FAULT_FUNC("unpin_user_folio", 0),
	{ },
};

static const struct inject_func closing[] = {
	FAULT_FUNC("io_uring_release", 0),
	FAULT_FUNC("queue_work_on", 0),
	{ },
};

static long setup_registered(void *arg)
{
	long ret = setup_ring(arg);

	return ret ? ret : run_register(NULL);
}

static long run_unregister(void *arg)
{
	(void)arg;
	return io_uring_unregister_buffers(&ctx.ring[0]);
}

static long cleanup_unregister(void *arg, long ret)
{
	(void)arg;
	return cleanup_ring(ret, true);
}

static const struct fault_op *make_unregister(struct dax_test *self)
{
	set_op(self, "unregister");
	op.setup = setup_registered;
	op.run = run_unregister;
	op.cleanup = cleanup_unregister;
	return &op;
}

TEST_F(dax, unregister)
{
	static const struct fault_set memory = { .memory = true };

	/* It needs no memory. */
	EXPECT_EQ(0, fault_sweep(make_unregister(self), &memory));
}

TEST_F(dax, unregister_killed)
{
	static const struct fault_set set = { .func = letting_go, .kill = true };

	EXPECT_FAULTS(fault_sweep(make_unregister(self), &set));
}

static long run_exit(void *arg)
{
	(void)arg;
	io_uring_queue_exit(&ctx.ring[0]);
	return 0;
}

/* The pin goes a moment later. */
static long cleanup_exit(void *arg, long ret)
{
	(void)arg;
	if (!ret)
		ret = lease_set_nonblock(ctx.lease, true);
	if (!ret && !wait_until(released, &ctx.lease))
		ret = -EBUSY;
	close(ctx.lease);
	return ret;
}

TEST_F(dax, exit_killed)
{
	static const struct fault_set set = { .func = closing, .kill = true };

	make_unregister(self);
	op.name = "exit";
	op.run = run_exit;
	op.cleanup = cleanup_exit;
	EXPECT_FAULTS(fault_sweep(&op, &set));
}

TEST_LEAKS

TEST_HARNESS_MAIN
