// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers in a DAX file without a lease are refused as on stock Linux, with the
 * module loaded or not; memory that is no DAX file is not affected.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file.h"
#include "fs.h"
#include "kselftest.h"
#include "uring.h"

#define PAGES	8UL
#define SIZE	(PAGES * PAGE_SZ)

/* Half of it anonymous, the other half the file, in this order or the other. */
static char *half_and_half(int fd, bool file_first)
{
	char *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return NULL;
	memset(map, 1, SIZE);
	if (mmap(map + (file_first ? 0 : SIZE / 2), SIZE / 2, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		return NULL;
	return map;
}

static int reg(struct io_uring *ring, char *map)
{
	return map ? uring_reg(ring, map, SIZE) : -ENOMEM;
}

static void expect(const char *type, const char *what, int want, int got)
{
	if (want != got)
		ksft_print_msg("%d, not %d\n", got, want);
	ksft_test_result(want == got, "%s: %s\n", type, what);
}

/* Registers memory that is none of a file's; how many pages that has pinned, or -errno. */
static long long reg_anonymous(struct io_uring *ring)
{
	char *anon = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long long before = foll_pins();
	int ret = anon == MAP_FAILED ? -ENOMEM : uring_reg(ring, anon, SIZE);

	return ret ? ret : foll_pins() - before;
}

static void run_fs(const struct dax_fs *fs)
{
	bool module = !access("/sys/module/daxlease", F_OK);
	long long pins = foll_pins();
	char dir[PATH_LEN], path[PATH_LEN];
	struct io_uring ring;
	int fd, ret;

	if (!fs_dir(fs) || work_dir_make(fs_dir(fs), dir))
		ksft_exit_fail_msg("no directory on %s\n", fs->type);
	snprintf(path, sizeof(path), "%.*s/file", PATH_LEN - 8, dir);
	fd = file_create(path, SIZE, 1);
	if (fd < 0 || uring_open(&ring))
		ksft_exit_fail_msg("no file or no ring on %s\n", fs->type);

	expect(fs->type, "file", -EOPNOTSUPP,
	       reg(&ring, file_map(fd, SIZE, PROT_READ | PROT_WRITE)));
	expect(fs->type, "file, mapped for reading", -EOPNOTSUPP,
	       reg(&ring, file_map(fd, SIZE, PROT_READ)));
	expect(fs->type, "file, then anonymous memory", -EOPNOTSUPP,
	       reg(&ring, half_and_half(fd, true)));
	/* A pin that does not get far, or, with the module, that is tried to the end. */
	expect(fs->type, "anonymous memory, then file", module ? -EOPNOTSUPP : -EFAULT,
	       reg(&ring, half_and_half(fd, false)));
	expect(fs->type, "no memory at all", -EFAULT, uring_reg(&ring, (char *)PAGE_SZ, SIZE));
	expect(fs->type, "nothing is left pinned", true, wait_foll_pins(pins));
	/* Again where the kernel itself had a page pinned for a moment, before or after. */
	for (int i = 0; i < 10; i++) {
		ret = reg_anonymous(&ring);
		if (ret < 0 || ret == PAGES)
			break;
		io_uring_unregister_buffers(&ring);
	}
	expect(fs->type, "anonymous memory, all of it pinned", PAGES, ret);
	io_uring_queue_exit(&ring);
	expect(fs->type, "and released", true, wait_foll_pins(pins));
	close(fd);
	work_dir_remove(dir);
}

int main(void)
{
	ksft_print_header();
	if (uring_missing())
		ksft_exit_skip("io_uring: %s\n", uring_missing());
	ksft_set_plan(16);
	run_fs(&fs_ext4);
	run_fs(&fs_xfs);
	ksft_finished();
}
