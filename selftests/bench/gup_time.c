// SPDX-License-Identifier: GPL-2.0
/*
 * Linked into the kernel's own gup_test, in place of its ioctl(): the kernel takes the
 * time of each of its commands, but the program tells that of some only.  Prints, on
 * stderr, the nanoseconds that the kernel has measured, to take the pages and to give
 * them back.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <mm/gup_test.h>

int __real_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct gup_test *gup;
	__u64 asked;
	va_list ap;
	void *arg;
	int ret;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	switch (request) {
	case GUP_FAST_BENCHMARK:
	case PIN_FAST_BENCHMARK:
	case PIN_LONGTERM_BENCHMARK:
	case GUP_BASIC_TEST:
	case PIN_BASIC_TEST:
		break;
	default:
		return __real_ioctl(fd, request, arg);
	}

	gup = arg;
	asked = gup->size;
	ret = __real_ioctl(fd, request, arg);
	/* It ends at the first page that it does not get, and calls that a success. */
	if (ret || gup->size != asked) {
		fprintf(stderr, "gup_test: %llu of %llu bytes\n",
			(unsigned long long)(ret ? 0 : gup->size), (unsigned long long)asked);
		exit(1);
	}
	fprintf(stderr, "%llu\n",
		(unsigned long long)(gup->get_delta_usec + gup->put_delta_usec) * 1000);
	return 0;
}
