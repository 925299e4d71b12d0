// SPDX-License-Identifier: GPL-2.0
/*
 * What does a memory region of a leased DAX file cost, beside one of anonymous
 * memory, and beside one that is faulted in on demand (ODP)?
 *
 *	bench-regions DIR ON 4k|2m ROUNDS BYTES...
 *
 * Registering what is mapped already: "anonymous" and "leased".  Of a mapping in
 * which nothing is faulted in: "leased-unmapped", and "odp-prefetched" with all of it
 * faulted in at once.  The same until a first transfer into all of it has ended:
 * "leased-first" and "odp-first".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lease.h"
#include "mapped.h"
#include "rdma.h"
#include "sample.h"

struct regions {
	struct rdma rdma;
	/* What is written into the file's region. */
	char *anon;
	struct ibv_mr *source;
	struct mapped file;
};

/* In pages as large as those of the file. */
static void anonymous(struct regions *r, bool huge)
{
	r->anon = mmap(NULL, r->file.size + HUGE_SZ, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (r->anon == MAP_FAILED)
		bench_fail("mmap", -errno);
	r->anon = (char *)(((uintptr_t)r->anon + HUGE_SZ - 1) & -HUGE_SZ);
	madvise(r->anon, r->file.size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	memset(r->anon, 1, r->file.size);
}

static struct ibv_mr *reg(struct regions *r, char *mem, int access)
{
	struct ibv_mr *mr = rdma_reg(&r->rdma, mem, r->file.size, access);

	if (!mr)
		bench_fail("registration", -errno);
	return mr;
}

static double registration(struct regions *r, char *mem)
{
	uint64_t begin = bench_now(), ns;
	struct ibv_mr *mr;

	mr = reg(r, mem, RDMA_ACCESS);
	ns = bench_now() - begin;
	ibv_dereg_mr(mr);
	return ns;
}

static void transfer(struct regions *r, struct ibv_mr *to)
{
	struct ibv_sge sge = {
		.addr	= (uintptr_t)r->anon,
		.length	= r->file.size,
		.lkey	= r->source->lkey,
	};
	struct ibv_send_wr wr = {
		.sg_list	= &sge,
		.num_sge	= 1,
		.opcode		= IBV_WR_RDMA_WRITE,
		.send_flags	= IBV_SEND_SIGNALED,
		.wr.rdma	= {
			.remote_addr	= (uintptr_t)r->file.map,
			.rkey		= to->rkey,
		},
	}, *bad;
	struct ibv_wc wc;

	bench_check("post", -ibv_post_send(r->rdma.qp[0], &wr, &bad));
	while (!bench_check("poll", ibv_poll_cq(r->rdma.cq, 1, &wc)))
		sched_yield();
	if (wc.status != IBV_WC_SUCCESS)
		bench_fail(ibv_wc_status_str(wc.status), -EREMOTEIO);
}

static double until_first_transfer(struct regions *r, int access)
{
	uint64_t begin, ns;
	struct ibv_mr *mr;

	mapped_again(&r->file);
	begin = bench_now();
	mr = reg(r, r->file.map, access);
	transfer(r, mr);
	ns = bench_now() - begin;
	ibv_dereg_mr(mr);
	return ns;
}

static double unmapped(struct regions *r)
{
	mapped_again(&r->file);
	return registration(r, r->file.map);
}

/* Faulted in as a whole, and waited for; negative where the device cannot do that. */
static double prefetched(struct regions *r)
{
	struct ibv_sge sge = { .length = r->file.size };
	uint64_t begin, ns;
	struct ibv_mr *mr;
	int ret;

	mapped_again(&r->file);
	begin = bench_now();
	mr = reg(r, r->file.map, RDMA_ACCESS | IBV_ACCESS_ON_DEMAND);
	sge.addr = (uintptr_t)r->file.map;
	sge.lkey = mr->lkey;
	ret = ibv_advise_mr(r->rdma.pd, IBV_ADVISE_MR_ADVICE_PREFETCH_WRITE,
			    IBV_ADVISE_MR_FLAG_FLUSH, &sge, 1);
	ns = bench_now() - begin;
	ibv_dereg_mr(mr);
	if (ret == EOPNOTSUPP || ret == ENOSYS)
		return -1;
	bench_check("prefetch", -ret);
	return ns;
}

static void measure(const struct series *series, struct regions *r, const char *dir,
		    size_t bytes, bool huge, int rounds)
{
	int lease, round;

	mapped_make(&r->file, dir, bytes, huge);
	lease = bench_check("lease", lease_take(r->file.fd));
	anonymous(r, huge);
	r->source = reg(r, r->anon, RDMA_ACCESS);

	/* The first round warms up. */
	for (round = 0; round <= rounds; round++) {
		double anon, leased, leased_unmapped, odp_prefetched, leased_first, odp_first;

		mapped_touch(&r->file);
		anon = registration(r, r->anon);
		leased = registration(r, r->file.map);
		leased_unmapped = unmapped(r);
		odp_prefetched = prefetched(r);
		leased_first = until_first_transfer(r, RDMA_ACCESS);
		odp_first = until_first_transfer(r, RDMA_ACCESS | IBV_ACCESS_ON_DEMAND);
		if (!round)
			continue;
		sample(series, "anonymous", bytes, round, anon);
		sample(series, "leased", bytes, round, leased);
		sample(series, "leased-unmapped", bytes, round, leased_unmapped);
		if (odp_prefetched >= 0)
			sample(series, "odp-prefetched", bytes, round, odp_prefetched);
		sample(series, "leased-first", bytes, round, leased_first);
		sample(series, "odp-first", bytes, round, odp_first);
	}
	ibv_dereg_mr(r->source);
	munmap(r->anon, bytes);
	close(lease);
	mapped_remove(&r->file);
}

int main(int argc, char **argv)
{
	struct series series = {};
	struct regions r = {};
	int rounds, i;
	bool huge;

	if (argc < 6 || (strcmp(argv[3], "4k") && strcmp(argv[3], "2m"))) {
		fprintf(stderr, "usage: bench-regions DIR ON 4k|2m ROUNDS BYTES...\n");
		return 2;
	}
	huge = !strcmp(argv[3], "2m");
	series.bench = huge ? "regions-2m" : "regions-4k";
	series.on = argv[2];
	rounds = bench_number(argv[4]);
	bench_check(rdma_device(), rdma_open(&r.rdma, 1));
	for (i = 5; i < argc; i++)
		measure(&series, &r, argv[1], bench_number(argv[i]), huge, rounds);
	rdma_close(&r.rdma);
	return 0;
}
