// SPDX-License-Identifier: GPL-2.0
/* A part of the module that 'make bench' builds for itself; see drain.rs. */
#include <linux/module.h>
#include <linux/rcupdate.h>

#include "helpers.h"

static unsigned int drain;
module_param(drain, uint, 0600);
MODULE_PARM_DESC(drain, "1 to 4: each layout change waits by synchronize_rcu(), synchronize_rcu_expedited(), synchronize_srcu(), synchronize_srcu_expedited()");

unsigned int daxlease_bench_drain(void)
{
	return READ_ONCE(drain);
}

void daxlease_bench_rcu(bool expedited)
{
	if (expedited)
		synchronize_rcu_expedited();
	else
		synchronize_rcu();
}
