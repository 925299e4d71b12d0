// SPDX-License-Identifier: GPL-2.0
/* Makes the tracepoints, and what Rust calls when one is on. */
#define CREATE_TRACE_POINTS
#define CREATE_RUST_TRACE_POINTS
#include "trace.h"
