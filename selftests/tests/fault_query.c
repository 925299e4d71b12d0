// SPDX-License-Identifier: GPL-2.0
/*
 * Faults in what tells about leases: QUERY, SCAN, STATS, fdinfo.
 */
#include "dax_fixture.h"
#include "fault.h"
#include "leak.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	600

static struct {
	int lease;
	int fd;
	int fdinfo;
	char buf[2 * PAGE_SZ];
} ctx;

static struct fault_op op;

/* Nothing that is not in Documentation/uapi.rst. */
static const int query_errnos[] = { ENOMEM, EFAULT, 0 };
static const int stats_errnos[] = { EFAULT, 0 };
/* What seq_file has. */
static const int fdinfo_errnos[] = { ENOMEM, EFAULT, 0 };

/* Two leases, one of them with a pin, stay while all the sweeps run. */
static bool something_to_tell(struct dax_test *self)
{
	uint32_t pin;

	ctx.lease = self->lease;
	ctx.fd = self->fd;
	return !lease_acquire(self->lease, self->fd, 0, 0, NULL) &&
	       !pin_pages(2, 3, TESTDEV_PIN_WRITE, &pin) && lease_take(self->fd) >= 0;
}

static void set_op(const char *name, long (*run)(void *arg), const int *errnos)
{
	op = (struct fault_op) { .name = name, .run = run, .errnos = errnos };
}

static const struct fault_op *make(struct dax_test *self)
{
	if (!something_to_tell(self))
		op.clean = -EPROTO;
	return &op;
}

static unsigned int count_records(uint32_t used)
{
	unsigned int records = 0;
	uint32_t at;

	for (at = 0; at < used; at += ((struct daxlease_record *)(ctx.buf + at))->size)
		records++;
	return records;
}

/* QUERY tells all of them. */
static long run_query(void *arg)
{
	struct daxlease_query query = {
		.size		= sizeof(query),
		.buf		= (uintptr_t)ctx.buf,
		.buf_len	= sizeof(ctx.buf),
	};

	(void)arg;
	if (ioctl(ctx.lease, DAXLEASE_QUERY, &query))
		return -errno;
	return count_records(query.used) == 3 ? 0 : -EPROTO;
}

static const struct fault_op *make_query(struct dax_test *self)
{
	set_op("query", run_query, query_errnos);
	return make(self);
}

FAULT_TESTS(dax, query, make_query, .memory = true, .copies = true)
FAULT_TEST_NTH(dax, query, make_query)

/* SCAN tells the lease with the pin, the pin, and the other lease, too. */
static long run_scan(void *arg)
{
	struct daxlease_scan scan = {
		.size		= sizeof(scan),
		.fd		= ctx.fd,
		.buf		= (uintptr_t)ctx.buf,
		.buf_len	= sizeof(ctx.buf),
	};

	(void)arg;
	if (ioctl(ctx.lease, DAXLEASE_SCAN, &scan))
		return -errno;
	return scan.busy == DAXLEASE_BUSY_PINNED && count_records(scan.used) == 3 ? 0 : -EPROTO;
}

static const struct fault_op *make_scan(struct dax_test *self)
{
	set_op("scan", run_scan, query_errnos);
	return make(self);
}

FAULT_TESTS(dax, scan, make_scan, .memory = true, .copies = true)
FAULT_TEST_NTH(dax, scan, make_scan)

static long run_stats(void *arg)
{
	struct daxlease_stats stats = { .size = sizeof(stats) };

	(void)arg;
	if (ioctl(ctx.lease, DAXLEASE_STATS, &stats))
		return -errno;
	return stats.leases == 2 && stats.pins == 1 ? 0 : -EPROTO;
}

static const struct fault_op *make_stats(struct dax_test *self)
{
	set_op("stats", run_stats, stats_errnos);
	return make(self);
}

FAULT_TESTS(dax, stats, make_stats, .memory = true, .copies = true)
FAULT_TEST_NTH(dax, stats, make_stats)

/* A read of what was opened before: the rest is procfs. */
static long setup_fdinfo(void *arg)
{
	char path[64];

	(void)arg;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ctx.lease);
	ctx.fdinfo = open(path, O_RDONLY | O_CLOEXEC);
	return ctx.fdinfo < 0 ? -errno : 0;
}

static long run_fdinfo(void *arg)
{
	ssize_t n;

	(void)arg;
	n = read(ctx.fdinfo, ctx.buf, sizeof(ctx.buf) - 1);
	if (n < 0)
		return -errno;
	ctx.buf[n] = 0;
	return strstr(ctx.buf, "pinned_pages:\t3\n") ? 0 : -EPROTO;
}

static long cleanup_fdinfo(void *arg, long ret)
{
	(void)arg;
	(void)ret;
	return close(ctx.fdinfo) ? -errno : 0;
}

static const struct fault_op *make_fdinfo(struct dax_test *self)
{
	set_op("fdinfo", run_fdinfo, fdinfo_errnos);
	op.setup = setup_fdinfo;
	op.cleanup = cleanup_fdinfo;
	return make(self);
}

FAULT_TESTS(dax, fdinfo, make_fdinfo, .memory = true)
FAULT_TEST_NTH(dax, fdinfo, make_fdinfo)

TEST_LEAKS

TEST_HARNESS_MAIN
