/* SPDX-License-Identifier: GPL-2.0 */
/* Random numbers that a seed decides: one stream per operation. */
#ifndef STRESS_RNG_H
#define STRESS_RNG_H

#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* 0 to n - 1. */
static inline unsigned int rng_below(struct rng *rng, unsigned int n)
{
	return rng_next(rng) % n;
}

static inline struct rng rng_of(uint64_t seed, uint64_t a, uint64_t b, uint64_t c)
{
	struct rng rng = { seed };

	rng.state = rng_next(&rng) + a;
	rng.state = rng_next(&rng) + b;
	rng.state = rng_next(&rng) + c;
	return rng;
}

#endif
