/* SPDX-License-Identifier: GPL-2.0 */
/* What build.rs makes Rust of. */
#include <infiniband/verbs.h>
#include <linux/daxlease.h>

/* bindgen knows no macros that are not plain numbers. */
enum {
	GIVE_WAY_ACQUIRE = DAXLEASE_ACQUIRE,
	GIVE_WAY_REGION_ACCESS = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
		IBV_ACCESS_REMOTE_READ,
};
