/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FUZZ_GEN_H
#define FUZZ_GEN_H

#include <stdbool.h>
#include <stdint.h>

#include "call.h"
#include "exec.h"

struct gen {
	uint64_t state;
	/* Several threads share what there is. */
	bool threads;
	/* For a while leases are breakable, and layout changes where the pins are. */
	bool breaks;
	unsigned int calls;
};

void gen_init(struct gen *gen, uint64_t seed);
struct call gen_call(struct gen *gen, const struct worker *worker);

#endif
