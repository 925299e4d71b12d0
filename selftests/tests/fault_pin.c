// SPDX-License-Identifier: GPL-2.0
/*
 * Faults in pins: each call that can fail does, and each allocation; or the
 * caller is killed there.  A pin that fails has pinned nothing.
 */
#include "dax_fixture.h"
#include "fault_calls.h"
#include "leak.h"

#include <sys/mman.h>

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	900

/* More than the test device asks for at once, and than a huge page has. */
#define BIG_PAGES	600

/* Enough alternating pages to make the index of an account grow. */
#define RUNS		128
#define FEW_RUNS	8

#define PART		4

static struct {
	struct dax_test *self;
	/* The file, and what of it is pinned where. */
	int fd;
	char *addr;
	unsigned int pages;
	uint32_t flags;
	/* A second file, in mixed memory. */
	int fd2;
	/* Before each run the pages are unmapped. */
	bool unmap;

	int lease;
	int lease2;
	int dev;
	uint32_t pin;
} ctx;

static struct fault_op op;

static const int pin_errnos[] = { PIN_ERRNOS, 0 };
static const int no_manager_errnos[] = { EOPNOTSUPP, 0 };

static const struct inject_func pin_calls[] = { PIN_CALLS, { } };

static const struct inject_func no_manager[] = {
	FAULT_FUNC("try_module_get", false),
	{ },
};

/* The account's index, and nothing smaller. */
static const struct inject_func index_only[] = {
	{ .name = "kvrealloc_node_align_noprof", .flags = INJECT_GFP, .arg = 3 },
	{ },
};

static long setup_pin(void *arg)
{
	(void)arg;
	ctx.lease2 = -1;
	ctx.lease = lease_take(ctx.fd);
	if (ctx.lease < 0)
		return ctx.lease;
	if (ctx.fd2 >= 0) {
		ctx.lease2 = lease_take(ctx.fd2);
		if (ctx.lease2 < 0)
			return ctx.lease2;
	}
	ctx.dev = testdev_open();
	if (ctx.dev < 0)
		return ctx.dev;
	if (ctx.unmap)
		return madvise(ctx.addr, ctx.pages * PAGE_SZ, MADV_DONTNEED) ? -errno : 0;
	/* A process of its own has not mapped anything yet. */
	for (unsigned int i = 0; i < ctx.pages; i++)
		page_of(ctx.addr, i)[0] = 1;
	return 0;
}

static long run_pin(void *arg)
{
	(void)arg;
	return testdev_pin(ctx.dev, ctx.addr, ctx.pages, ctx.flags, &ctx.pin);
}

/* The first and the last page are the device's. */
static long try_dma(void)
{
	uint64_t last = (uint64_t)(ctx.pages - 1) * PAGE_SZ;
	char page[PAGE_SZ];
	long ret;

	if (!(ctx.flags & TESTDEV_PIN_WRITE))
		return testdev_read(ctx.dev, ctx.pin, last, page, PAGE_SZ);
	memset(page, 0x5a, sizeof(page));
	ret = testdev_write(ctx.dev, ctx.pin, 0, page, PAGE_SZ);
	if (!ret)
		ret = testdev_write(ctx.dev, ctx.pin, last, page, PAGE_SZ);
	if (!ret && (memcmp(ctx.addr, page, PAGE_SZ) || memcmp(ctx.addr + last, page, PAGE_SZ)))
		ret = -EIO;
	return ret;
}

/* With the pin gone, or without one, the leases can be given back at once. */
static long cleanup_pin(void *arg, long ret)
{
	long err = 0;

	(void)arg;
	if (!ret) {
		err = try_dma();
		if (!err)
			err = testdev_unpin(ctx.dev, ctx.pin);
	}
	if (!err)
		err = lease_set_nonblock(ctx.lease, true);
	if (!err)
		err = lease_release(ctx.lease);
	close(ctx.lease);
	if (ctx.lease2 >= 0) {
		if (!err)
			err = lease_set_nonblock(ctx.lease2, true);
		if (!err)
			err = lease_release(ctx.lease2);
		close(ctx.lease2);
	}
	close(ctx.dev);
	return err;
}

static void set_op(struct dax_test *self, const char *name)
{
	memset(&ctx, 0, sizeof(ctx));
	ctx.self = self;
	ctx.fd = self->fd;
	ctx.fd2 = -1;
	ctx.addr = page_of(self->map, 2);
	ctx.pages = PART;
	ctx.flags = TESTDEV_PIN_WRITE;
	op = (struct fault_op) {
		.name = name, .setup = setup_pin, .run = run_pin, .cleanup = cleanup_pin,
		.errnos = pin_errnos,
	};
}

/* Mapped and writable: the first pin of a handle, and of a file. */
static const struct fault_op *make_first(struct dax_test *self)
{
	set_op(self, "first pin");
	return &op;
}

FAULT_TESTS(dax, first, make_first, .memory = true, .copies = true, .func = pin_calls)
FAULT_TEST_NTH(dax, first, make_first)

/* Of a file on which somebody else has a lease and pins. */
static const struct fault_op *make_another(struct dax_test *self)
{
	uint32_t id;

	make_first(self);
	op.name = "another pin";
	if (lease_acquire(self->lease, self->fd, 0, 0, NULL) ||
	    pin_pages(3, 2, TESTDEV_PIN_WRITE, &id))
		op.clean = -EPROTO;
	return &op;
}

FAULT_TESTS(dax, another, make_another, .memory = true, .copies = true, .func = pin_calls)
FAULT_TEST_NTH(dax, another, make_another)

/* Not mapped: each run has to fault the pages in. */
static const struct fault_op *make_faulting(struct dax_test *self)
{
	set_op(self, "pin with page faults");
	ctx.unmap = true;
	return &op;
}

FAULT_TESTS(dax, faulting, make_faulting, .memory = true, .copies = true, .func = pin_calls)
FAULT_TEST_NTH(dax, faulting, make_faulting)

/* The device will only read. */
static const struct fault_op *make_read_only(struct dax_test *self)
{
	make_faulting(self);
	op.name = "pin to read";
	ctx.flags = 0;
	return &op;
}

FAULT_TESTS(dax, read_only, make_read_only, .memory = true, .copies = true, .func = pin_calls)

TEST_F(dax, no_manager)
{
	struct fault_set set = { .window = "layout_pin_user_pages_fast", .func = no_manager };

	make_first(self);
	op.errnos = no_manager_errnos;
	EXPECT_FAULTS(fault_sweep(&op, &set));
}

/* A file of that many pages; its mapping, or NULL. */
static char *map_file(struct dax_test *self, const char *name, unsigned int pages, int *fd)
{
	char path[PATH_LEN];
	char *map;

	other_path(path, name);
	*fd = file_create(path, pages * PAGE_SZ, FILE_SEED);
	if (*fd < 0)
		return NULL;
	map = file_map(*fd, pages * PAGE_SZ, PROT_READ | PROT_WRITE);
	return map;
}

/* A failed preparation shows as a result that no run has. */
static const struct fault_op *made(const char *addr)
{
	if (!addr)
		op.clean = -EPROTO;
	return &op;
}

/* The second batch of a pin goes on where the first one ends. */
static const struct fault_op *make_growing(struct dax_test *self)
{
	set_op(self, "growing pin");
	ctx.addr = map_file(self, "big", BIG_PAGES, &ctx.fd);
	ctx.pages = BIG_PAGES;
	return made(ctx.addr);
}

FAULT_TESTS(dax, growing, make_growing, .memory = true, .copies = true, .func = pin_calls)
FAULT_TEST_NTH(dax, growing, make_growing)

/* Every other page of the file, side by side. */
static const struct fault_op *make_alternating(struct dax_test *self, unsigned int runs)
{
	char *map, *page;

	set_op(self, "pin of alternating pages");
	ctx.pages = runs;
	map = map_file(self, "striped", 2 * runs, &ctx.fd);
	ctx.addr = mmap(NULL, runs * PAGE_SZ, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (unsigned int i = 0; map && i < runs; i++) {
		page = mmap(page_of(ctx.addr, i), PAGE_SZ, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED, ctx.fd, 2 * i * PAGE_SZ);
		if (page == MAP_FAILED)
			return made(NULL);
	}
	return made(map);
}

static const struct fault_op *make_many_runs(struct dax_test *self)
{
	return make_alternating(self, RUNS);
}

FAULT_TESTS(dax, many_runs, make_many_runs, .func = index_only)

static const struct fault_op *make_few_runs(struct dax_test *self)
{
	return make_alternating(self, FEW_RUNS);
}

FAULT_TESTS(dax, few_runs, make_few_runs, .memory = true, .copies = true, .func = pin_calls)
FAULT_TEST_NTH(dax, few_runs, make_few_runs)

/* A file, anonymous memory and another file, in one pin. */
static const struct fault_op *make_mixed(struct dax_test *self)
{
	int prot = PROT_READ | PROT_WRITE;
	char *map;

	set_op(self, "pin of mixed memory");
	map = map_file(self, "second", PART, &ctx.fd2);
	ctx.pages = 3 * PART;
	ctx.addr = mmap(NULL, ctx.pages * PAGE_SZ, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!map ||
	    mmap(ctx.addr, PART * PAGE_SZ, prot, MAP_SHARED | MAP_FIXED, ctx.fd,
		 0) == MAP_FAILED ||
	    mmap(page_of(ctx.addr, 2 * PART), PART * PAGE_SZ, prot, MAP_SHARED | MAP_FIXED,
		 ctx.fd2, 0) == MAP_FAILED)
		return made(NULL);
	return made(map);
}

FAULT_TESTS(dax, mixed, make_mixed, .memory = true, .copies = true, .func = pin_calls)
FAULT_TEST_NTH(dax, mixed, make_mixed)

TEST_LEAKS

TEST_HARNESS_MAIN
