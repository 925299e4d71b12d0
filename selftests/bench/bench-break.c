// SPDX-License-Identifier: GPL-2.0
/*
 * How fast a hole is punched that had to wait for a breakable lease: from the
 * holder's unpin, and from the deadline at which its pin is revoked.
 *
 *	bench-break DIR ON ROUNDS
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "change.h"
#include "event.h"
#include "lease.h"
#include "mapped.h"
#include "peer.h"
#include "sample.h"
#include "testdev.h"

#define SIZE		(64UL << 10)
#define SHORT_MS	5

struct punched {
	struct change change;
	uint64_t at;
};

/* In the other process. */
static long punch(void *arg)
{
	struct punched *p = arg;
	long ret = change_punch(&p->change);

	p->at = bench_now();
	return ret;
}

/* Posts the change and waits until the holder has been asked. */
static void begin(struct peer *peer, struct punched *p, int lease, struct daxlease_event *event)
{
	bench_check("post", peer_post(peer, punch, p, sizeof(*p)));
	bench_check("BREAK", event_wait(lease, DAXLEASE_EVENT_BREAK, event));
}

static double since(struct peer *peer, struct punched *p, uint64_t from)
{
	bench_check("punch", peer_result(peer, p, sizeof(*p)));
	return (double)p->at - (double)from;
}

static double after_unpin(struct mapped *m, struct peer *peer, int dev)
{
	struct punched p = { .change = change_of(m->path, NULL, 0, PAGE_SZ) };
	struct daxlease_event event;
	uint64_t unpinned;
	double ns;
	uint32_t id;
	int lease;

	lease = bench_check("lease", lease_open());
	bench_check("acquire", lease_acquire_breakable(lease, m->fd, 0, 0, BREAK_NEVER_MS));
	bench_check("pin", testdev_pin(dev, m->map, 1, TESTDEV_PIN_WRITE, &id));
	begin(peer, &p, lease, &event);
	unpinned = bench_now();
	bench_check("unpin", testdev_unpin(dev, id));
	ns = since(peer, &p, unpinned);
	close(lease);
	return ns;
}

static double after_deadline(struct mapped *m, struct peer *peer, int dev)
{
	struct punched p = { .change = change_of(m->path, NULL, 0, PAGE_SZ) };
	struct daxlease_event event;
	double ns;
	uint32_t id;
	int lease;

	lease = bench_check("lease", lease_open());
	bench_check("acquire", lease_acquire_breakable(lease, m->fd, 0, 0, SHORT_MS));
	bench_check("pin", testdev_pin(dev, m->map, 1,
				       TESTDEV_PIN_WRITE | TESTDEV_PIN_REVOCABLE, &id));
	begin(peer, &p, lease, &event);
	ns = since(peer, &p, event.deadline_ns);
	bench_check("unpin", testdev_unpin(dev, id));
	close(lease);
	return ns;
}

int main(int argc, char **argv)
{
	struct series series = { .bench = "break" };
	int rounds, round, dev;
	struct mapped m;
	struct peer peer;

	if (argc != 4) {
		fprintf(stderr, "usage: bench-break DIR ON ROUNDS\n");
		return 2;
	}
	series.on = argv[2];
	rounds = bench_number(argv[3]);
	dev = bench_check(TESTDEV_DEV, testdev_open());
	bench_check("fork", peer_start(&peer));
	mapped_make(&m, argv[1], SIZE, false);
	for (round = 1; round <= rounds; round++) {
		mapped_touch(&m);
		sample(&series, "unpin", 1, round, after_unpin(&m, &peer, dev));
		mapped_touch(&m);
		sample(&series, "deadline", 1, round, after_deadline(&m, &peer, dev));
	}
	mapped_remove(&m);
	peer_stop(&peer);
	return 0;
}
