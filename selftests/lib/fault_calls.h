/* SPDX-License-Identifier: GPL-2.0 */
/* What can fail in any subsystem's pin of memory that may be in a DAX file. */
#ifndef SELFTESTS_FAULT_CALLS_H
#define SELFTESTS_FAULT_CALLS_H

#include "fault.h"

/*
 * Documentation/uapi.rst, and EINTR of who is killed.  EAGAIN is also what
 * pin_user_pages_fast() says.
 */
#define PIN_ERRNOS	ENOMEM, EFAULT, EINTR, EAGAIN, ENXIO

#define PIN_CALLS							\
	FAULT_FUNC("down_read_killable", -EINTR),			\
	FAULT_FUNC("pin_user_pages_fast", -ENOMEM),			\
	/* Fewer than asked for. */					\
	FAULT_ARGUMENT("pin_user_pages_fast", 1, 1),			\
	FAULT_FUNC("layout_pin_grab", -EFAULT),				\
	/* What the fast walk does not find is for the other one. */	\
	FAULT_FUNC("pin_user_pages_fast_only", 0),			\
	FAULT_FUNC("pin_user_pages_fast_only", -EFAULT),		\
	FAULT_ARGUMENT("pin_user_pages_fast_only", 1, 1),		\
	FAULT_FUNC("pin_user_pages", -ENOMEM),				\
	/* Not mapped any more. */					\
	FAULT_FUNC("pin_user_pages", -EFAULT),				\
	FAULT_ARGUMENT("pin_user_pages", 1, 1),				\
	/* The device is going away. */					\
	FAULT_FUNC("get_dev_pagemap", 0),				\
	FAULT_FUNC("faultin_page_range", -ENOMEM),			\
	FAULT_FUNC("faultin_page_range", -EFAULT),			\
	FAULT_FUNC("faultin_page_range", -EINTR),			\
	FAULT_FUNC("layout_pin_user_pages_fast", -ENOMEM),		\
	FAULT_ARGUMENT("layout_pin_user_pages_fast", 1, 1)

#endif
