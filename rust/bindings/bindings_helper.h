/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What bindgen reads beside kernel::bindings: the hook points of the kernel
 * series, our own ioctls, and the helpers for what C has as macros and inline
 * functions.
 */
#include <linux/layout_lease.h>
#include <linux/pid.h>
#include "../../include/uapi/linux/daxlease.h"
#include "../helpers.h"
#include "../trace.h"

/* What bindgen does not evaluate. */
const unsigned int RUST_CONST_HELPER_LAYOUT_BREAK_NOWAIT = LAYOUT_BREAK_NOWAIT;
