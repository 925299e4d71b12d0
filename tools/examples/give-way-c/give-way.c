// SPDX-License-Identifier: GPL-2.0
/* The command line. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "give-way.h"

#define BREAK_TIME_MS	10000

static const char usage[] =
"give-way-c [--device NAME] [--break-time MS] [--once] FILE\n"
"	serve the first MiB of FILE, which lies on a DAX filesystem\n"
"give-way-c --client HOST [--device NAME] [--batches N]\n"
"	write to it; without --batches until there is something to be read from\n"
"	standard input, such as a press of Enter\n"
"give-way-c --check FILE\n"
"	does FILE hold all that a client has been told is safe?\n"
"\n"
"--device: the RDMA device, default: " DEVICE "\n"
"--break-time: how long others wait for the server, in milliseconds\n"
"--once: end when the first client has ended\n";

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

void fail(const char *format, ...)
{
	va_list args;

	fputs("give-way-c: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

void fail_errno(const char *format, ...)
{
	int error = errno;
	va_list args;

	fprintf(stderr, "give-way-c: %s: ", strerror(error));
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static unsigned long number(const char *option, const char *text, unsigned long max)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value > max)
		fail("--%s takes a number of at most %lu, not '%s'", option, max, text);
	return value;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "client",	required_argument, NULL, 'c' },
		{ "check",	required_argument, NULL, 'k' },
		{ "device",	required_argument, NULL, 'd' },
		{ "break-time",	required_argument, NULL, 't' },
		{ "batches",	required_argument, NULL, 'b' },
		{ "once",	no_argument, NULL, 'o' },
		{ "help",	no_argument, NULL, 'h' },
		{ }
	};
	const char *host = NULL, *check = NULL, *device = DEVICE;
	uint32_t break_time_ms = BREAK_TIME_MS;
	uint64_t batches = 0;
	bool once = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			host = optarg;
			break;
		case 'k':
			check = optarg;
			break;
		case 'd':
			device = optarg;
			break;
		case 't':
			break_time_ms = number("break-time", optarg, UINT32_MAX);
			break;
		case 'b':
			batches = number("batches", optarg, UINT32_MAX);
			break;
		case 'o':
			once = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (check && optind == argc)
		return check_file(check);
	if (host && optind == argc)
		return client(host, device, batches);
	if (!host && !check && optind + 1 == argc)
		return serve(argv[optind], device, break_time_ms, once);
	fputs(usage, stderr);
	return 2;
}
