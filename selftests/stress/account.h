/* SPDX-License-Identifier: GPL-2.0 */
#ifndef STRESS_ACCOUNT_H
#define STRESS_ACCOUNT_H

#include <stdbool.h>

/* Before the first worker starts: what is counted from here on. */
void account_begin(void);

/*
 * Compares what the module says with the model, at rest.  Says what differs,
 * and makes certain what was not.
 */
void account_check(long long foll_base);

/* After the end of all workers: nothing is left. */
void account_check_empty(long long foll_base);

#endif
