/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the calls of one thread must lead to.  The model has leases, descriptors
 * and pins of its own; what it says is compared with what QUERY and STATS tell
 * after every call.
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "exec.h"
#include "truth.h"

#define MODEL_LEASES	256
#define MODEL_PINS	1024

/* Events that wait for a reader, at most. */
#define INBOX_EVENTS	64

#define HOLDER_SELF	1
#define HOLDER_PEER	2

struct model_lease {
	uint64_t id;
	int file;
	/* Pages; an end of ~0 for none. */
	uint64_t start;
	uint64_t end;
	unsigned int holders;
	bool orphan;
	uint32_t mode;
	uint32_t break_ms;
};

/*
 * The events of a lease as they must be: of times and of a change's number, only
 * what is known before is in them.
 */
struct inbox {
	struct daxlease_event event[INBOX_EVENTS];
	unsigned int nr;
	uint32_t lost;
	/* One more event may be there, or is not in its place. */
	bool unsure;
	/* Of what was read last. */
	uint64_t time_ns;
	uint64_t break_id;
};

/* An open file of the device. */
struct model_desc {
	int refs;
	bool nonblock;
	bool write_only;
	/* Each event raises a signal. */
	bool async;
	struct model_lease *lease;
	struct inbox inbox;
};

/* One TESTDEV_PIN, pages of AREA_MIXED or another area. */
struct model_pin {
	int dev;
	uint32_t id;
	enum area area;
	uint64_t page;
	uint64_t nr;
	bool write;
	bool revocable;
	bool revoked;
	/* Its records have numbers from one to the other. */
	uint64_t first;
	uint64_t last;
};

/* What a call that waits for pins, or takes them back, may do to others' pins. */
struct plan {
	bool revokes;
	int file;
	/* Pages. */
	uint64_t start;
	uint64_t end;
	uint32_t reason;
	/* A lease whose time is not shorter keeps its pins: one of them stays. */
	uint64_t deadline;
	/* Set where all of those that can be revoked must be. */
	bool all;
};

struct model {
	struct world *world;
	struct model_lease lease[MODEL_LEASES];
	struct model_desc desc[LEASES];
	struct model_desc *slot[LEASES];
	bool dev_open[DEVS];
	struct model_pin pin[MODEL_PINS];
	unsigned int pins;
	uint64_t size[NR_FILES];
	uint64_t last_id;
	uint64_t last_pin;
	uint64_t acquired;
	struct plan plan;
	/* What the last call has revoked: handles, and what is told of them. */
	unsigned int revoked;
	unsigned int revoked_records;
	/* Events that it has told, and nobody will read. */
	unsigned int lost;
	/* Of all calls: events that were read as they must be, by type. */
	unsigned int events[DAXLEASE_EVENT_OVERFLOW + 1];
	/* The truth before the call, and after. */
	struct truth truth[2];
	unsigned int now;
	int watch;
};

int model_init(struct model *model, struct world *world);

/* What the call just made may have returned. */
errset model_expect(struct model *model, const struct worker *worker, const struct call *call);

/*
 * Takes the call's effect over, and compares.  NULL where all is as it must be,
 * else what is not.
 */
const char *model_follow(struct model *model, struct worker *worker, const struct call *call,
			 long ret);

/* Parts of the above, by subject. */
const char *model_compare(struct model *model, struct worker *worker, const struct call *call,
			  long ret);
errset expect_argument(const struct worker *worker, const struct call *call, size_t known,
		       size_t first);
errset expect_acquire(struct model *model, const struct worker *worker, const struct call *call);
errset expect_query(struct model *model, const struct worker *worker, const struct call *call);
/* The answer of a QUERY that had success. */
const char *check_query(struct model *model, const struct worker *worker,
			const struct call *call);
errset expect_scan(struct model *model, const struct worker *worker, const struct call *call);
const char *check_scan(struct model *model, const struct worker *worker, const struct call *call);
errset expect_pin(struct model *model, const struct worker *worker, const struct call *call);
errset expect_dma(struct model *model, const struct worker *worker, const struct call *call);
errset expect_change(struct model *model, const struct call *call, unsigned int who);
errset expect_force(struct model *model, const struct worker *worker, const struct call *call);
const char *check_force(struct model *model, const struct worker *worker);
errset expect_openers(struct model *model, const struct worker *worker, const struct call *call);
const char *check_openers(const struct worker *worker);
errset expect_read(const struct model_desc *desc, const struct worker *worker,
		   const struct call *call);

/* There are none. */
void inbox_clear(struct inbox *inbox);

/* Takes events out of the model that have been read; NULL where these are they. */
const char *check_read(struct model *model, const struct worker *worker,
		       const struct call *call, long ret);
errset expect_poll(const struct model_desc *desc, const struct call *call);
const char *check_poll(struct model_desc *desc, long revents);
/* After many calls: whether each type of event was read.  Says which was not. */
bool events_cover(const struct model *model);

/* What has become of the pins, by what is told of them; the truth is up to date. */
const char *model_revoke(struct model *model, long ret);
/* What has been told to the readers of lease fds. */
const char *model_tell(struct model *model, const struct call *call, long ret);
void model_number_pin(struct model *model);

/* The file that a SCAN or a FORCE is about. */
int scanned_file(const struct call *call);

/* File and page of a page of an area; false where it is no file. */
bool area_file(enum area area, uint64_t page, int *file, uint64_t *index);

/* Of what can be given as file: 0 where it can be leased, else what it is refused with. */
errset expect_file(const struct model *model, enum fdkind kind, int fd);

/* Pins of each of WORLD_PAGES: low half all, high half those that may write. */
void model_count(struct model *model, int file, unsigned int *count);

struct model_lease *model_find_lease(struct model *model, uint64_t id);
struct model_pin *model_find_pin(struct model *model, int dev, uint32_t id);
unsigned int model_lease_pins(struct model *model, const struct model_lease *lease);
struct model_pin *model_pin_of(struct model *model, const struct daxlease_pin_record *record);
const struct truth *model_truth(const struct model *model);
/* Of before the last call, once model_truth() is that of after it. */
const struct truth *model_past(const struct model *model);

#endif
