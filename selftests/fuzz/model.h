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
};

/* An open file of the device. */
struct model_desc {
	int refs;
	bool nonblock;
	struct model_lease *lease;
};

/* One TESTDEV_PIN, pages of AREA_MIXED or another area. */
struct model_pin {
	int dev;
	uint32_t id;
	enum area area;
	uint64_t page;
	uint64_t nr;
	bool write;
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
	uint64_t acquired;
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

/* File and page of a page of an area; false where it is no file. */
bool area_file(enum area area, uint64_t page, int *file, uint64_t *index);

/* Of what can be given as file: 0 where it can be leased, else what it is refused with. */
errset expect_file(const struct model *model, enum fdkind kind, int fd);

/* Pins of each of WORLD_PAGES: low half all, high half those that may write. */
void model_count(struct model *model, int file, unsigned int *count);

struct model_lease *model_find_lease(struct model *model, uint64_t id);
struct model_pin *model_find_pin(struct model *model, int dev, uint32_t id);
unsigned int model_lease_pins(struct model *model, const struct model_lease *lease);
const struct truth *model_truth(const struct model *model);

#endif
