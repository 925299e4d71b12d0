// SPDX-License-Identifier: GPL-2.0
/*
 * Makes each call that the interface has, right and wrong, and says what came of it:
 *
 *	calls32 FILE
 *	calls64 FILE
 *
 * Built without a C library, so that no 32-bit one is needed.  What is printed does
 * not depend on the word size, nor on numbers that a run draws.
 */
#include <nolibc.h>

#include <poll.h>

#include "abi_layout.h"

#define PAGE		4096
#define PAGES		16
/* Nothing is mapped there, in a process of either size. */
#define NOWHERE		((void *)0xfffff000UL)

static int file, lease, dev;
static char *map;
static __u64 lease_id, pin_id;
/* On both sides of an answer: what has no business to be there. */
static union {
	char bytes[8192];
	__u64 words[1024];
} buf;

static const char *result(int ret)
{
	static char text[16];

	if (ret >= 0)
		return "ok";
	snprintf(text, sizeof(text), "errno %d", errno);
	return text;
}

/* The kernel's number, and not what printf() makes of 64 bits. */
static const char *hex(__u64 value)
{
	static char text[8][20];
	static unsigned int next;
	char *at = text[next++ % 8];

	snprintf(at, 20, "%x:%x", (unsigned int)(value >> 32), (unsigned int)value);
	return at;
}

static int call(const char *name, int fd, unsigned int cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	printf("%s: %s\n", name, result(ret));
	return ret;
}

/* With the structure in front of a page without access, one byte of it missing, or all there. */
static void at_the_edge(const char *name, unsigned int cmd, const void *arg, unsigned int size)
{
	char *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	char *at = page + PAGE - size;

	mmap(page + PAGE, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	printf("at the edge, ");
	memcpy(at, arg, size);
	call(name, lease, cmd, at);
	printf("beyond it, ");
	memcpy(at + 1, arg, size - 1);
	call(name, lease, cmd, at + 1);
	munmap(page, 2 * PAGE);
}

static void wrong_arguments(void)
{
	static const unsigned int commands[] = {
		DAXLEASE_ACQUIRE, DAXLEASE_ATTACH, DAXLEASE_RELEASE, DAXLEASE_QUERY,
		DAXLEASE_STATS, DAXLEASE_SCAN, DAXLEASE_OPENERS, DAXLEASE_FORCE,
	};
	static const unsigned int sizes[] = { 0, 3, 4, 7, PAGE + 1, 0x7fffffff, 0xffffffff };

	for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		printf("command %u\n", _IOC_NR(commands[i]));
		call("null", lease, commands[i], NULL);
		call("nowhere", lease, commands[i], NOWHERE);
		for (unsigned int j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
			memset(&buf, 0, sizeof(buf));
			buf.words[0] = sizes[j];
			call("size", lease, commands[i], &buf);
		}
		/* All that is known and more, with the last byte set. */
		memset(&buf, 0, sizeof(buf));
		buf.words[0] = 128;
		buf.bytes[127] = 1;
		call("tail", lease, commands[i], &buf);
		buf.words[0] = 128 | (__u64)0x80000000 << 32;
		buf.bytes[127] = 0;
		call("flags", lease, commands[i], &buf);
	}
	call("no command", lease, _IO(DAXLEASE_IOC_MAGIC, 0), &buf);
	call("sized command", lease, _IOWR(DAXLEASE_IOC_MAGIC, 1, struct daxlease_acquire), &buf);
}

static struct daxlease_acquire acquire_args(void)
{
	return (struct daxlease_acquire) {
		.size = sizeof(struct daxlease_acquire), .fd = file,
		.mode = DAXLEASE_MODE_EXCLUSIVE,
	};
}

#define WRONG(name, member, value) do {				\
	struct daxlease_acquire wrong = acquire_args();		\
								\
	wrong.member = value;					\
	call("acquire, " name, lease, DAXLEASE_ACQUIRE, &wrong);	\
} while (0)

static void acquire(unsigned int mode)
{
	struct daxlease_acquire args = acquire_args();

	args.mode = mode;
	args.break_time_ms = mode == DAXLEASE_MODE_BREAKABLE ? 60000 : 0;
	if (!call("acquire", lease, DAXLEASE_ACQUIRE, &args))
		lease_id = args.id;
	printf("number: %d, rest: %s %s %d %d\n", args.id >= 16, hex(args.offset),
	       hex(args.length), args.fd == file, args.reserved);
}

static void acquire_wrong(void)
{
	struct daxlease_acquire args = acquire_args();

	WRONG("no fd", fd, -1);
	WRONG("another fd", fd, lease);
	WRONG("mode", mode, 7);
	WRONG("offset", offset, 1);
	WRONG("high offset", offset, 1ULL << 32 | 1);
	WRONG("far offset", offset, 1ULL << 63);
	WRONG("length", length, ~0ULL);
	WRONG("break time", break_time_ms, 1);
	WRONG("reserved", reserved, 1);
	args.mode = DAXLEASE_MODE_BREAKABLE;
	args.break_time_ms = 0xffffffff;
	call("acquire, long break time", lease, DAXLEASE_ACQUIRE, &args);
	/* 64 bits are 64 bits: the range is behind 4 GiB, and no pin can be under it. */
	args = acquire_args();
	args.offset = 1ULL << 32;
	args.length = 1ULL << 33;
	call("acquire, behind 4 GiB", lease, DAXLEASE_ACQUIRE, &args);
}

static void attach(void)
{
	struct daxlease_attach args = { .size = sizeof(args) };

	call("attach", lease, DAXLEASE_ATTACH, &args);
	printf("same number: %d\n", args.id == lease_id);
	args.id = 0;
	at_the_edge("attach", DAXLEASE_ATTACH, &args, sizeof(args));
}

static int release(void)
{
	struct daxlease_release args = { .size = sizeof(args) };

	return call("release", lease, DAXLEASE_RELEASE, &args);
}

static void show_lease(const struct daxlease_lease_record *r)
{
	printf("lease: %u %d %s %s %u %u %u %d %u %u %s %u %u %s\n", r->size, r->id == lease_id,
	       hex(r->start), hex(r->end), r->mode, r->state, r->uid, r->pid == getpid(),
	       r->holders, r->pins, hex(r->pinned_pages), r->break_time_ms, r->breaking, r->path);
	printf("of that time: %d, name: %.5s\n", r->age_ms < 1000 * 1000, r->comm);
}

static void show_pin(const struct daxlease_pin_record *r)
{
	printf("pin: %u %d %s %s %s %u %x %u %u %d %u %.5s %s %s\n", r->size,
	       r->lease_id == lease_id, hex(r->start), hex(r->end), hex(r->pages), r->runs,
	       r->flags, r->kind, r->uid, r->pid == getpid(), r->reserved, r->comm, r->owner, r->owner_file);
	pin_id = r->id;
}

static void show_records(unsigned int used)
{
	for (unsigned int at = 0; at < used;) {
		const struct daxlease_record *record = (void *)(buf.bytes + at);

		if (record->type == DAXLEASE_RECORD_LEASE)
			show_lease((void *)record);
		else
			show_pin((void *)record);
		at += record->size;
	}
}

static void query(const char *name, __u64 address, unsigned int len)
{
	struct daxlease_query args = {
		.size = sizeof(args), .buf = address, .buf_len = len,
	};

	memset(&buf, 0, sizeof(buf));
	if (call(name, lease, DAXLEASE_QUERY, &args))
		return;
	printf("used: %u, cursors: %d %d\n", args.used, args.lease_cursor == lease_id,
	       args.pin_cursor != 0);
	show_records(args.used);
	call("query, the rest", lease, DAXLEASE_QUERY, &args);
	printf("used: %u\n", args.used);
}

static __u64 address_of(const void *at)
{
	return (__u64)(unsigned long)at;
}

static void queries(void)
{
	query("query", address_of(&buf), sizeof(buf));
	query("query, short", address_of(&buf), 8);
	query("query, nowhere", address_of(NOWHERE), sizeof(buf));
	/* Not the same address as without its upper half. */
	query("query, high", address_of(&buf) | 1ULL << 45, sizeof(buf));
}

static void scan(const char *name, __u64 offset, __u64 length, __u64 address)
{
	struct daxlease_scan args = {
		.size = sizeof(args), .fd = file, .offset = offset, .length = length,
		.buf = address, .buf_len = address ? sizeof(buf) : 0,
	};

	memset(&buf, 0, sizeof(buf));
	if (call(name, lease, DAXLEASE_SCAN, &args))
		return;
	printf("busy: %x %s %s, used: %u\n", args.busy, hex(args.first), hex(args.end), args.used);
	show_records(args.used);
}

static void scans(void)
{
	scan("scan", 0, 0, 0);
	scan("scan with records", PAGE + 1, 2 * PAGE, address_of(&buf));
	scan("scan behind 4 GiB", 1ULL << 32, PAGE, address_of(&buf));
	scan("scan, high", 0, 0, address_of(&buf) | 1ULL << 45);
	scan("scan of too much", 1ULL << 62, 1ULL << 62, 0);
}

static void openers(void)
{
	/* Not on the stack, whose address has upper bits in a large address space. */
	static __s32 pid;
	struct daxlease_openers args = {
		.size = sizeof(args), .pin = pin_id, .buf = address_of(&pid), .buf_len = sizeof(pid),
	};

	call("openers", lease, DAXLEASE_OPENERS, &args);
	printf("count: %u, me: %d\n", args.count, pid == getpid());
	args.buf |= 1ULL << 45;
	call("openers, high", lease, DAXLEASE_OPENERS, &args);
	/* Nor is a pin that of another number with the same lower half. */
	args.pin |= 1ULL << 32;
	call("openers, no pin", lease, DAXLEASE_OPENERS, &args);
}

static void stats(void)
{
	struct daxlease_stats args = { .size = sizeof(args) };

	call("stats", lease, DAXLEASE_STATS, &args);
	printf("now: %s %s %s %s, ever: %d %d\n", hex(args.leases), hex(args.orphaned),
	       hex(args.pins), hex(args.pinned_pages), args.acquired > 0, args.pinned > 0);
	memset(&args, 0, sizeof(args));
	args.size = sizeof(args);
	at_the_edge("stats", DAXLEASE_STATS, &args, sizeof(args));
}

static unsigned int pin(unsigned int page, unsigned int nr, unsigned int flags)
{
	struct testdev_pin args = {
		.addr = address_of(map + page * PAGE), .nr_pages = nr, .flags = flags,
	};

	call("pin", dev, TESTDEV_PIN, &args);
	return args.id;
}

static void unpin(unsigned int id)
{
	call("unpin", dev, TESTDEV_UNPIN, (void *)(unsigned long)id);
}

static void dma(unsigned int id, char byte)
{
	char from[64];
	struct testdev_io args = {
		.id = id, .offset = 8, .length = sizeof(from), .buf = address_of(from),
	};

	memset(from, byte, sizeof(from));
	call("dma", dev, TESTDEV_DMA_WRITE, &args);
	printf("there: %d\n", map[2 * PAGE + 8] == byte && map[2 * PAGE + 71] == byte);
}

static void show_poll(void)
{
	struct pollfd pfd = { .fd = lease, .events = POLLIN };
	int ret = poll(&pfd, 1, 0);

	printf("poll: %d %x\n", ret, pfd.revents);
}

static void next_event(void *at, unsigned int len)
{
	struct daxlease_event *event = (void *)&buf;
	int ret;

	memset(&buf, 0, sizeof(buf));
	ret = read(lease, at, len);
	printf("read: %s %d\n", result(ret), ret);
	if (ret < (int)sizeof(*event))
		return;
	printf("event: %u %u %d %d %d %s %s %d %d %u %u %u %u\n", event->size, event->type,
	       event->lease_id == lease_id, event->break_id != 0, event->pin_id != 0,
	       hex(event->start), hex(event->end), event->time_ns != 0, event->deadline_ns != 0,
	       event->reason, event->outcome, event->lost, event->reserved);
}

/* DRAINED, by the pin that goes. */
static void events(unsigned int id)
{
	show_poll();
	unpin(id);
	show_poll();
	next_event(&buf, sizeof(struct daxlease_event) - 1);
	next_event(NOWHERE, sizeof(struct daxlease_event));
	next_event(&buf, sizeof(buf));
	show_poll();
}

static void force(void)
{
	struct daxlease_force args = { .size = sizeof(args), .fd = file, .offset = 1ULL << 32 };
	unsigned int id;

	acquire(DAXLEASE_MODE_BREAKABLE);
	id = pin(2, 1, TESTDEV_PIN_WRITE | TESTDEV_PIN_REVOCABLE);
	/* Behind the pin. */
	call("force", lease, DAXLEASE_FORCE, &args);
	printf("done: %u %u %u %u\n", args.revoked, args.killed, args.pins, args.leases);
	args = (struct daxlease_force) { .size = sizeof(args), .fd = file };
	call("force", lease, DAXLEASE_FORCE, &args);
	printf("done: %u %u %u %u\n", args.revoked, args.killed, args.pins, args.leases);
	dma(id, 3);
	unpin(id);
	next_event(&buf, sizeof(struct daxlease_event));
	next_event(&buf, sizeof(struct daxlease_event));
	release();
	release();
	show_poll();
}

static void fdinfo(void)
{
	char path[64], *at;
	int fd, ret;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", lease);
	memset(&buf, 0, sizeof(buf));
	fd = open(path, O_RDONLY);
	ret = read(fd, &buf, sizeof(buf) - 1);
	close(fd);
	at = strstr(buf.bytes, "mode:");
	/* Up to the line of the pin, which has its age. */
	if (at && strstr(at, "pin:\t"))
		*strstr(at, "pin:\t") = 0;
	printf("fdinfo: %d\n%s", ret > 0, at ? at : "none\n");
}

int main(int argc, char **argv)
{
	unsigned int id;

	if (argc != 2)
		return 2;
	file = open(argv[1], O_RDWR);
	lease = open("/dev/daxlease", O_RDWR);
	dev = open("/dev/daxlease-testdev", O_RDWR);
	map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (file < 0 || lease < 0 || dev < 0 || map == MAP_FAILED)
		return 3;
	wrong_arguments();
	acquire_wrong();
	pin(2, 1, 0);
	release();
	acquire(DAXLEASE_MODE_EXCLUSIVE);
	acquire(DAXLEASE_MODE_EXCLUSIVE);
	attach();
	id = pin(2, 3, TESTDEV_PIN_WRITE);
	dma(id, 7);
	queries();
	scans();
	openers();
	stats();
	fdinfo();
	events(id);
	release();
	force();
	printf("end\n");
	return 0;
}
