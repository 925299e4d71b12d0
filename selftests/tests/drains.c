// SPDX-License-Identifier: GPL-2.0
/*
 * When a layout change waits for a grace period: where a pin is being made in the
 * same file at that moment, and never else.  STATS counts it.
 */
#define _GNU_SOURCE
#include "change.h"
#include "dax_fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>

#define MUTATE		"daxlease_mutate"
#define PARAMETERS	"func=layout_pin_grab@daxlease:daxlease_mutate_slow_grab slow_us=8000000"

#define PINNED	3
#define FREE	5
#define BEFORE	9

static int fast_walks(void)
{
	return syscall(SYS_delete_module, MUTATE, 0) && errno != ENOENT ? -errno : 0;
}

/* Also where a test failed: all of them run in children of the program. */
__attribute__((destructor)) static void at_exit(void)
{
	if (fast_walks())
		printf("# " MUTATE " stays: what comes after this means nothing\n");
}

/* From here on a walk sleeps with the pages in its hands. */
static int slow_walks(void)
{
	const char *modules = getenv("DAXLEASE_MODULES");
	char path[PATH_LEN];
	int fd, ret;

	ret = fast_walks();
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "%s/mutate/" MUTATE ".ko", modules ? modules : ".");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, PARAMETERS, 0) ? -errno : 0;
	close(fd);
	return ret;
}

static uint64_t drains(void)
{
	struct daxlease_stats stats;

	return lease_stats(&stats) ? UINT64_MAX : stats.drains;
}

/* A thread that pins a page. */
struct walker {
	pthread_t thread;
	int dev;
	char *page;
	uint32_t id;
	long ret;
	pid_t tid;
};

static void *walk(void *arg)
{
	struct walker *w = arg;

	__atomic_store_n(&w->tid, gettid(), __ATOMIC_RELEASE);
	w->ret = testdev_pin(w->dev, w->page, 1, TESTDEV_PIN_WRITE, &w->id);
	return NULL;
}

static bool has_tid(void *arg)
{
	return __atomic_load_n((pid_t *)arg, __ATOMIC_ACQUIRE);
}

static void start_walk(struct __test_metadata *_metadata, struct dax_test *self,
		       struct walker *w)
{
	*w = (struct walker) { .dev = self->dev, .page = page_of(self->map, PINNED) };
	/* So that it is the walk that sleeps, and not a fault. */
	w->page[0]++;
	ASSERT_EQ(0, pthread_create(&w->thread, NULL, walk, w));
	ASSERT_TRUE(wait_until(has_tid, &w->tid));
	ASSERT_TRUE(wait_blocked_in(w->tid, SYS_ioctl));
}

static long holder_punches(struct dax_test *self, const char *path, unsigned long page)
{
	struct change c = change_of(path ? path : self->path, NULL, page * PAGE_SZ, PAGE_SZ);

	return change_punch(&c);
}

TEST_F(dax, none_in_a_file_without_a_lease)
{
	uint64_t before = drains();

	EXPECT_EQ(0, holder_punches(self, NULL, FREE));
	EXPECT_EQ(before, drains());
}

TEST_F(dax, none_where_nothing_is_being_pinned)
{
	struct change c = change_of(self->path, NULL, FREE * PAGE_SZ, PAGE_SZ);
	uint64_t before = drains();
	uint32_t id;

	acquire_whole();
	ASSERT_EQ(0, pin_pages(PINNED, 1, TESTDEV_PIN_WRITE, &id));
	EXPECT_EQ(0, holder_punches(self, NULL, FREE));
	EXPECT_EQ(-EDEADLK, holder_punches(self, NULL, PINNED));
	EXPECT_EQ(-ETXTBSY, in_child(change_punch, &c, sizeof(c)));
	ASSERT_EQ(0, testdev_unpin(self->dev, id));
	EXPECT_EQ(0, holder_punches(self, NULL, PINNED));
	EXPECT_EQ(before, drains());
}

/* The walk is over when the change goes on, and its pin is known. */
TEST_F(dax, one_beside_a_walk)
{
	struct walker w;
	uint64_t before;
	uint32_t id;

	acquire_whole();
	/* The account has memory then, for want of which the walk would begin anew. */
	ASSERT_EQ(0, pin_pages(BEFORE, 1, TESTDEV_PIN_WRITE, &id));
	ASSERT_EQ(0, slow_walks());
	start_walk(_metadata, self, &w);
	before = drains();
	EXPECT_EQ(0, holder_punches(self, NULL, FREE));
	EXPECT_EQ(before + 1, drains());
	EXPECT_EQ(2, lease_pinned_pages());
	ASSERT_EQ(0, pthread_join(w.thread, NULL));
	EXPECT_EQ(0, w.ret);
	EXPECT_EQ(0, fast_walks());
}

/* The walk finds the mark, and puts the page back before that is punched. */
TEST_F(dax, one_in_the_range_of_a_walk)
{
	struct walker w;
	uint64_t before;

	acquire_whole();
	ASSERT_EQ(0, slow_walks());
	start_walk(_metadata, self, &w);
	before = drains();
	EXPECT_EQ(0, holder_punches(self, NULL, PINNED));
	EXPECT_EQ(before + 1, drains());
	EXPECT_EQ(0, lease_pinned_pages());
	ASSERT_EQ(0, pthread_join(w.thread, NULL));
	EXPECT_EQ(-EAGAIN, w.ret);
	EXPECT_EQ(0, page_of(self->map, PINNED)[0]);
	EXPECT_EQ(0, fast_walks());
}

/* Neither for one that is refused at once, nor in another file. */
TEST_F(dax, none_that_need_not_know)
{
	struct change c = change_of(self->path, NULL, FREE * PAGE_SZ, PAGE_SZ);
	char path[PATH_LEN];
	struct walker w;
	struct peer peer;
	uint64_t before;
	int fd, lease;

	/* To fork would wait for the walk, which has the mapping locked. */
	ASSERT_EQ(0, peer_start(&peer));
	other_path(path, "other");
	fd = file_create(path, FILE_SIZE, FILE_SEED);
	ASSERT_LE(0, fd);
	lease = lease_open();
	ASSERT_LE(0, lease);
	ASSERT_EQ(0, lease_acquire(lease, fd, 0, 0, NULL));
	acquire_whole();
	ASSERT_EQ(0, slow_walks());
	start_walk(_metadata, self, &w);
	before = drains();
	EXPECT_EQ(0, holder_punches(self, path, PINNED));
	EXPECT_EQ(-ETXTBSY, peer_call(&peer, change_punch, &c, sizeof(c)));
	EXPECT_EQ(before, drains());
	/* That was while the walk went on. */
	EXPECT_EQ(0, lease_pinned_pages());
	ASSERT_EQ(0, pthread_join(w.thread, NULL));
	EXPECT_EQ(0, w.ret);
	EXPECT_EQ(1, lease_pinned_pages());
	peer_stop(&peer);
	EXPECT_EQ(0, fast_walks());
}

TEST_HARNESS_MAIN
