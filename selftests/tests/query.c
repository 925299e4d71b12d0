// SPDX-License-Identifier: GPL-2.0
/* QUERY: what a record says, paging through many, who sees what; fdinfo. */
#include "actor.h"
#include "dax_fixture.h"

#include <sys/sysmacros.h>

#define LEASES	20
#define PINS	6

TEST_F(dax, lease_record)
{
	struct lease_view view;
	char comm[16] = { 0 };
	struct stat st;
	uint64_t id;

	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 2 * PAGE_SZ, 3 * PAGE_SZ, &id));
	EXPECT_NE(0, id);
	ASSERT_EQ(1, lease_view(self->lease, id, &view));
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(id, view.lease.id);
	EXPECT_EQ(2 * PAGE_SZ, view.lease.start);
	EXPECT_EQ(5 * PAGE_SZ, view.lease.end);
	EXPECT_EQ(st.st_ino, view.lease.ino);
	EXPECT_EQ(major(st.st_dev), view.lease.dev_major);
	EXPECT_EQ(minor(st.st_dev), view.lease.dev_minor);
	EXPECT_EQ(DAXLEASE_MODE_EXCLUSIVE, view.lease.mode);
	EXPECT_EQ(DAXLEASE_STATE_ACTIVE, view.lease.state);
	EXPECT_EQ(getuid(), view.lease.uid);
	EXPECT_EQ(getpid(), view.lease.pid);
	EXPECT_EQ(1, view.lease.holders);
	EXPECT_EQ(0, view.lease.pins);
	EXPECT_EQ(0, view.lease.pinned_pages);
	read_text("/proc/self/comm", comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = 0;
	EXPECT_STREQ(comm, view.lease.comm);
	EXPECT_STREQ(self->path, view.path);
}

TEST_F(dax, lease_without_an_end)
{
	struct lease_view view;
	uint64_t id;

	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, PAGE_SZ, 0, &id));
	ASSERT_EQ(1, lease_view(self->lease, id, &view));
	EXPECT_EQ(PAGE_SZ, view.lease.start);
	EXPECT_EQ(DAXLEASE_TO_INFINITY, view.lease.end);
}

TEST_F(dax, pin_record)
{
	struct lease_view view;
	uint32_t pin;
	uint64_t id;

	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 0, 0, &id));
	ASSERT_EQ(0, pin_pages(3, 2, TESTDEV_PIN_WRITE, &pin));
	ASSERT_EQ(1, lease_view(self->lease, id, &view));
	ASSERT_EQ(1, view.pins);
	EXPECT_EQ(1, view.lease.pins);
	EXPECT_EQ(2, view.lease.pinned_pages);
	EXPECT_EQ(id, view.pin[0].lease_id);
	EXPECT_EQ(3 * PAGE_SZ, view.pin[0].start);
	EXPECT_EQ(5 * PAGE_SZ, view.pin[0].end);
	EXPECT_EQ(2, view.pin[0].pages);
	EXPECT_EQ(1, view.pin[0].runs);
	EXPECT_EQ(DAXLEASE_PIN_OTHER, view.pin[0].kind);
	EXPECT_EQ(getuid(), view.pin[0].uid);
	EXPECT_EQ(getpid(), view.pin[0].pid);
	EXPECT_EQ(0, view.pin[0].reserved);
	EXPECT_NE(0, view.pin[0].flags & DAXLEASE_PIN_WRITABLE);
	EXPECT_NE(0, view.pin[0].owner[0]);
	ASSERT_EQ(0, testdev_unpin(self->dev, pin));

	ASSERT_EQ(0, pin_pages(3, 2, 0, &pin));
	ASSERT_EQ(1, lease_view(self->lease, id, &view));
	ASSERT_EQ(1, view.pins);
	EXPECT_EQ(0, view.pin[0].flags & DAXLEASE_PIN_WRITABLE);
}

TEST_F(dax, path_after_rename_and_unlink)
{
	struct lease_view view;
	char path[PATH_LEN];
	uint64_t id;

	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 0, 0, &id));
	other_path(path, "renamed");
	ASSERT_EQ(0, rename(self->path, path));
	ASSERT_EQ(1, lease_view(self->lease, id, &view));
	EXPECT_STREQ(path, view.path);
	ASSERT_EQ(0, unlink(path));
	ASSERT_EQ(1, lease_view(self->lease, id, &view));
	EXPECT_EQ(0, strncmp(path, view.path, strlen(path)));
}

struct tally {
	uint64_t last_lease;
	uint64_t last_pin;
	unsigned int leases;
	unsigned int pins;
	unsigned int disorder;
};

static int tally_record(const struct daxlease_record *record, void *arg)
{
	const struct daxlease_lease_record *lease = (const void *)record;
	const struct daxlease_pin_record *pin = (const void *)record;
	struct tally *tally = arg;

	if (record->type == DAXLEASE_RECORD_LEASE) {
		tally->leases++;
		tally->disorder += lease->id <= tally->last_lease;
		tally->last_lease = lease->id;
		tally->last_pin = 0;
	} else if (record->type == DAXLEASE_RECORD_PIN) {
		tally->pins++;
		tally->disorder += pin->lease_id != tally->last_lease;
		tally->disorder += pin->id <= tally->last_pin;
		tally->last_pin = pin->id;
	}
	return 0;
}

TEST_F(dax, many_records_in_buffers_of_any_size)
{
	uint32_t id;
	int lease;

	for (int i = 0; i < LEASES; i++) {
		lease = lease_open();
		ASSERT_LE(0, lease);
		ASSERT_EQ(0, lease_acquire(lease, self->fd, 0, 0, NULL));
	}
	for (int i = 0; i < PINS; i++)
		ASSERT_EQ(0, pin_pages(i, 1, TESTDEV_PIN_WRITE, &id));
	for (uint32_t len = sizeof(struct daxlease_lease_record) + PATH_LEN; len < 4096;
	     len += 136) {
		struct tally tally = { 0 };

		ASSERT_EQ(0, lease_query(self->lease, len, tally_record, &tally));
		EXPECT_EQ(LEASES, tally.leases);
		EXPECT_EQ(PINS, tally.pins);
		EXPECT_EQ(0, tally.disorder);
	}
}

static long count_leases(void *arg)
{
	struct tally tally = { 0 };
	uid_t uid = *(uid_t *)arg;
	int fd, ret;

	fd = lease_open();
	if (fd < 0 || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		return -errno;
	ret = lease_query(fd, 4096, tally_record, &tally);
	return ret ? ret : (long)tally.leases;
}

TEST_F(dax, users_see_their_own)
{
	uid_t root = 0, user = 1234;

	acquire_whole();
	EXPECT_EQ(1, in_child(count_leases, &root, sizeof(root)));
	EXPECT_EQ(0, in_child(count_leases, &user, sizeof(user)));
}

static long count_through(void *arg)
{
	struct tally tally = { 0 };
	int fd = *(int *)arg, ret;

	if (setresgid(1234, 1234, 1234) || setresuid(1234, 1234, 1234))
		return -errno;
	ret = lease_query(fd, 4096, tally_record, &tally);
	return ret ? ret : (long)tally.leases;
}

/* Whoever has the descriptor sees its lease, and not the others. */
TEST_F(dax, lease_of_the_descriptor_is_seen)
{
	int other = lease_open();

	ASSERT_LE(0, other);
	ASSERT_EQ(0, lease_acquire(other, self->fd, 0, 0, NULL));
	acquire_whole();
	EXPECT_EQ(1, in_child(count_through, &self->lease, sizeof(self->lease)));
}

TEST_F(dax, numbers_are_not_used_twice)
{
	uint64_t id, last = 0;

	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 0, 0, &id));
		EXPECT_LT(last, id);
		last = id;
		ASSERT_EQ(0, lease_release(self->lease));
	}
}

TEST_F(dax, fdinfo)
{
	char path[64], text[4096], line[64];
	uint32_t pin;
	uint64_t id;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->lease);
	ASSERT_LT(0, read_text(path, text, sizeof(text)));
	EXPECT_EQ(NULL, strstr(text, "lease:"));
	ASSERT_EQ(0, lease_acquire(self->lease, self->fd, 0, 0, &id));
	ASSERT_EQ(0, pin_pages(3, 2, TESTDEV_PIN_WRITE, &pin));
	ASSERT_LT(0, read_text(path, text, sizeof(text)));
	snprintf(line, sizeof(line), "lease:\t%llu\n", (unsigned long long)id);
	EXPECT_NE(NULL, strstr(text, line));
	EXPECT_NE(NULL, strstr(text, "state:\tactive\n"));
	EXPECT_NE(NULL, strstr(text, "pins:\t1\n"));
	EXPECT_NE(NULL, strstr(text, "pinned_pages:\t2\n"));
}

TEST_HARNESS_MAIN
