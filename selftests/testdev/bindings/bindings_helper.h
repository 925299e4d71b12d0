/* SPDX-License-Identifier: GPL-2.0 */
#include <linux/layout_lease.h>

#include "../testdev_uapi.h"
