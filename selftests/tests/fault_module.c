// SPDX-License-Identifier: GPL-2.0
/*
 * Faults while the module is loaded and unloaded.  A module that could not be
 * loaded has left nothing in the kernel's hooks, and can be loaded.
 *
 * Unloads what the other tests use, and loads it again at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "fault.h"
#include "file.h"
#include "fs.h"
#include "leak.h"
#include "lease.h"
#include "testdev.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	900

#define MODULE		"daxlease"
#define MODULE_DIR	"/sys/module/" MODULE

/* The module's own tests, which each load would run. */
#define KUNIT_FILTER	"/sys/module/kunit/parameters/filter_glob"

#define FILE_SIZE	(4 * PAGE_SZ)

/* A file that can be leased on each filesystem. */
struct place {
	const struct dax_fs *fs;
	char dir[PATH_LEN];
	int fd;
	char *map;
};

static struct place places[] = { { .fs = &fs_ext4 }, { .fs = &fs_xfs } };

#define PLACES		(sizeof(places) / sizeof(places[0]))

/* The module's file, in memory. */
static int module;

static struct fault_op op;

/* Loading says what failed; unloading only what reading its arguments does. */
static const int load_errnos[] = { ENOMEM, EFAULT, EBUSY, EINTR, 0 };
static const int unload_errnos[] = { EFAULT, EINTR, 0 };

static const struct inject_func load_calls[] = {
	FAULT_FUNC("layout_lease_register", -EBUSY),
	FAULT_FUNC("misc_register", -EBUSY),
	FAULT_FUNC("rust_helper_init_srcu_struct_with_key", -ENOMEM),
	{ },
};

/* The initialisation function, and not what loads any module. */
static const struct fault_set in_init = {
	.window = "do_one_initcall", .memory = true, .func = load_calls,
};

static const struct fault_set killed_in_init = {
	.window = "do_one_initcall", .memory = true, .func = load_calls, .kill = true,
};

/* Whatever it calls: none of this can fail. */
static const struct inject_func unload_calls[] = {
	FAULT_FUNC("misc_deregister", 0),
	FAULT_FUNC("layout_lease_unregister", 0),
	FAULT_FUNC("synchronize_srcu", 0),
	/* The other one with lockdep. */
	FAULT_OPTIONAL("mutex_lock", 0),
	FAULT_OPTIONAL("mutex_lock_nested", 0),
	{ },
};

static const struct fault_set killed_in_exit = { .func = unload_calls, .kill = true };

static bool loaded(void)
{
	return !access(MODULE_DIR, F_OK);
}

static long load(void)
{
	return syscall(SYS_finit_module, module, "", 0) ? -errno : 0;
}

static long unload(void)
{
	return syscall(SYS_delete_module, MODULE, O_NONBLOCK) ? -errno : 0;
}

/* A lease, a pin and a change of the file, as with or as without the module. */
static long try_place(const struct place *place, bool there)
{
	long ret, want = there ? 0 : -EOPNOTSUPP;
	int lease = -1, dev;
	uint32_t id;

	if (there) {
		lease = lease_take(place->fd);
		if (lease < 0)
			return lease;
	}
	dev = testdev_open();
	if (dev < 0)
		return dev;
	ret = testdev_pin(dev, place->map, 1, TESTDEV_PIN_WRITE, &id);
	close(dev);
	if (lease >= 0)
		close(lease);
	if (ret != want)
		return ret ? ret : -EPROTO;
	return ftruncate(place->fd, FILE_SIZE) ? -errno : 0;
}

static long try_module(bool there)
{
	long ret = 0;

	if (!there && lease_open() != -ENOENT)
		return -EEXIST;
	for (unsigned int i = 0; i < PLACES && !ret; i++)
		ret = try_place(&places[i], there);
	return ret;
}

static long run_load(void *arg)
{
	(void)arg;
	return load();
}

static long cleanup_load(void *arg, long ret)
{
	long err;

	(void)arg;
	if (loaded() != !ret)
		return -EEXIST;
	err = try_module(!ret);
	if (!err && !ret)
		err = unload();
	return err;
}

/* Whoever is killed while it does the one or the other comes to the end of it. */
static long reap_killed(void *arg)
{
	long err = loaded() ? unload() : 0;

	(void)arg;
	return err ? err : try_module(false);
}

static long setup_unload(void *arg)
{
	(void)arg;
	return load();
}

static long run_unload(void *arg)
{
	(void)arg;
	return unload();
}

static long cleanup_unload(void *arg, long ret)
{
	long err = 0;

	(void)arg;
	if (ret)
		err = unload();
	if (!err && loaded())
		err = -EEXIST;
	return err ? err : try_module(false);
}

/* The file must not be one that is open for writing. */
static int module_file(const char *path)
{
	char name[32], buf[1 << 16];
	int from, to, fd;
	ssize_t n;

	from = open(path, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return -errno;
	to = memfd_create("module", MFD_CLOEXEC);
	while (to >= 0 && (n = read(from, buf, sizeof(buf))) > 0) {
		if (write(to, buf, n) != n)
			break;
	}
	snprintf(name, sizeof(name), "/proc/self/fd/%d", to);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	close(from);
	close(to);
	return fd < 0 ? -errno : fd;
}

static long make_place(struct place *place)
{
	const char *mount = fs_dir(place->fs);
	char path[PATH_LEN];

	if (!mount || work_dir_make(mount, place->dir))
		return -ENOENT;
	snprintf(path, PATH_LEN, "%.*s/file", PATH_LEN - 8, place->dir);
	place->fd = file_create(path, FILE_SIZE, 1);
	if (place->fd < 0)
		return place->fd;
	place->map = file_map(place->fd, FILE_SIZE, PROT_READ | PROT_WRITE);
	return place->map ? 0 : -ENOMEM;
}

/* With the module taken out, the kernel's other tests of it switched off. */
FIXTURE(module) {
	bool ready;
};

FIXTURE_SETUP(module)
{
	const char *modules = getenv("DAXLEASE_MODULES");
	char path[2 * PATH_LEN];

	if (!modules)
		SKIP(return, "DAXLEASE_MODULES is not set");
	snprintf(path, sizeof(path), "%s/" MODULE "/" MODULE ".ko", modules);
	if (access("/dev/daxlease-inject", R_OK))
		SKIP(return, "no fault injection here");
	module = module_file(path);
	ASSERT_LE(0, module);
	for (unsigned int i = 0; i < PLACES; i++)
		ASSERT_EQ(0, make_place(&places[i]));
	write_text(KUNIT_FILTER, "none.none");
	ASSERT_EQ(0, unload());
	self->ready = true;
}

FIXTURE_TEARDOWN(module)
{
	write_text(KUNIT_FILTER, "*");
	if (self->ready && !loaded())
		EXPECT_EQ(0, load());
	for (unsigned int i = 0; i < PLACES; i++) {
		if (places[i].dir[0])
			work_dir_remove(places[i].dir);
	}
}

static const struct fault_op *loading(void)
{
	op = (struct fault_op) {
		.name = "load", .run = run_load, .cleanup = cleanup_load,
		.reap = reap_killed, .errnos = load_errnos,
	};
	return &op;
}

static const struct fault_op *unloading(void)
{
	op = (struct fault_op) {
		.name = "unload", .setup = setup_unload, .run = run_unload,
		.cleanup = cleanup_unload, .reap = reap_killed, .errnos = unload_errnos,
	};
	return &op;
}

TEST_F(module, load)
{
	EXPECT_FAULTS(fault_sweep(loading(), &in_init));
}

TEST_F(module, load_killed)
{
	EXPECT_FAULTS(fault_sweep(loading(), &killed_in_init));
}

/*
 * No load_nth: the kernel's own loader comes first in such a count, and complains
 * where it gets no memory (warn_alloc(), event_define_fields()).
 */

TEST_F(module, unload_killed)
{
	EXPECT_FAULTS(fault_sweep(unloading(), &killed_in_exit));
}

TEST_F(module, unload_nth)
{
	EXPECT_FAULTS(fault_sweep_nth(unloading()));
}

TEST_LEAKS

TEST_HARNESS_MAIN
