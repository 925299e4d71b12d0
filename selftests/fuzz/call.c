// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <linux/daxlease.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

#define PAGE_BYTES	4096
#define LIST(...)	((const char *const[]) { __VA_ARGS__, NULL })

static const char *const op_names[NR_OPS] = {
	[OP_OPEN] = "open", [OP_CLOSE] = "close", [OP_DUP] = "dup", [OP_PASS] = "pass",
	[OP_NONBLOCK] = "nonblock", [OP_ACQUIRE] = "acquire", [OP_ATTACH] = "attach",
	[OP_RELEASE] = "release", [OP_QUERY] = "query", [OP_STATS] = "stats", [OP_SCAN] = "scan",
	[OP_READ] = "read", [OP_POLL] = "poll", [OP_ASYNC] = "async", [OP_OPENERS] = "openers",
	[OP_FORCE] = "force", [OP_UNKNOWN] = "unknown", [OP_OTHER] = "other", [OP_FDINFO] = "fdinfo",
	[OP_DEV_OPEN] = "dev-open", [OP_DEV_CLOSE] = "dev-close", [OP_PIN] = "pin",
	[OP_UNPIN] = "unpin", [OP_DMA] = "dma", [OP_CHANGE] = "change",
	[OP_FOREIGN] = "foreign", [OP_GIVE] = "give", [OP_PROTECT] = "protect",
};

/* Values that have names; WHAT is two lists, by operation. */
static const struct {
	const char *name;
	const char *const *values;
} args[NR_ARGS] = {
	[A_SLOT] = { "slot", NULL },
	[A_ABI] = { "abi", NULL },
	[A_BUF] = { "buf", LIST("heap", "odd", "edge", "edge-ro", "ro", "none", "unmapped",
				"null", "kernel", "dax", "racy") },
	[A_CUT] = { "cut", NULL },
	[A_SIZE] = { "size", NULL },
	[A_FLAGS] = { "flags", NULL },
	[A_TAIL] = { "tail", NULL },
	[A_FILE] = { "file", LIST("file0", "file1", "file2", "file3", "rdonly", "wronly",
				  "append", "path", "dir", "pipe", "socket", "eventfd", "epoll",
				  "memfd", "null", "proc", "nodax", "blockdev", "lease",
				  "testdev", "closed", "-1", "int-min", "int-max") },
	[A_MODE] = { "mode", NULL },
	[A_OFFSET] = { "offset", NULL },
	[A_LENGTH] = { "length", NULL },
	[A_BREAK] = { "break", NULL },
	[A_RESERVED] = { "reserved", NULL },
	[A_RBUF] = { "rbuf", LIST("heap", "odd", "edge", "edge-ro", "ro", "none", "unmapped",
				  "null", "kernel", "dax", "racy") },
	[A_RCUT] = { "rcut", NULL },
	[A_RLEN] = { "rlen", NULL },
	[A_LCUR] = { "lease-cursor", LIST("zero", "one", "first", "before", "last", "max") },
	[A_PCUR] = { "pin-cursor", LIST("zero", "one", "first", "before", "last", "max") },
	[A_CMD] = { "cmd", NULL },
	[A_WHAT] = { "what", NULL },
	[A_AREA] = { "area", LIST("mixed", "rdonly", "private", "file2", "nowhere", "kernel") },
	[A_PAGE] = { "page", NULL },
	[A_NR] = { "nr", NULL },
	[A_ODD] = { "odd", NULL },
	[A_ID] = { "id", NULL },
	[A_TO] = { "to", NULL },
};

static const char *const other_names[] = {
	"read", "write", "pread", "poll", "mmap", "lseek", "ftruncate", "fallocate", "fsync",
	"splice", "epoll", "setlease", "flock", "fionread", "dupfd", NULL,
};

static const char *const change_names[] = {
	"truncate", "punch", "zero", "collapse", "insert", "write", "allocate", "fsync", NULL,
};

static const char *const *values_of(enum op op, enum arg arg)
{
	if (arg != A_WHAT)
		return args[arg].values;
	return op == OP_OTHER ? other_names : change_names;
}

const char *call_name(enum op op)
{
	return op_names[op];
}

struct call call_of(enum op op)
{
	struct call call = { .op = op };

	switch (op) {
	case OP_ACQUIRE:
		call.arg[A_SIZE] = sizeof(struct daxlease_acquire);
		call.arg[A_MODE] = DAXLEASE_MODE_EXCLUSIVE;
		break;
	case OP_ATTACH:
		call.arg[A_SIZE] = sizeof(struct daxlease_attach);
		break;
	case OP_RELEASE:
		call.arg[A_SIZE] = sizeof(struct daxlease_release);
		break;
	case OP_QUERY:
		call.arg[A_SIZE] = sizeof(struct daxlease_query);
		call.arg[A_RLEN] = 8192;
		break;
	case OP_SCAN:
		call.arg[A_SIZE] = sizeof(struct daxlease_scan);
		break;
	case OP_READ:
		call.arg[A_RLEN] = PAGE_BYTES;
		break;
	case OP_OPENERS:
		call.arg[A_SIZE] = sizeof(struct daxlease_openers);
		call.arg[A_RLEN] = sizeof(__s32);
		call.arg[A_PCUR] = CUR_FIRST;
		break;
	case OP_FORCE:
		call.arg[A_SIZE] = sizeof(struct daxlease_force);
		break;
	case OP_STATS:
		call.arg[A_SIZE] = sizeof(struct daxlease_stats);
		break;
	case OP_PIN:
		call.arg[A_NR] = 1;
		break;
	default:
		break;
	}
	return call;
}

void call_print(FILE *to, const struct call *call)
{
	struct call plain = call_of(call->op);

	fputs(op_names[call->op], to);
	for (int i = 0; i < NR_ARGS; i++) {
		const char *const *values = values_of(call->op, i);
		uint64_t value = call->arg[i], v = 0;

		if (value == plain.arg[i])
			continue;
		while (values && values[v] && v < value)
			v++;
		if (values && values[v])
			fprintf(to, " %s=%s", args[i].name, values[v]);
		else if (value < 1 << 16)
			fprintf(to, " %s=%llu", args[i].name, (unsigned long long)value);
		else
			fprintf(to, " %s=0x%llx", args[i].name, (unsigned long long)value);
	}
}

static bool parse_value(const char *const *values, const char *text, uint64_t *value)
{
	char *end;

	for (uint64_t v = 0; values && values[v]; v++) {
		if (!strcmp(values[v], text)) {
			*value = v;
			return true;
		}
	}
	errno = 0;
	*value = strtoull(text, &end, 0);
	return *text && !*end && !errno;
}

static bool parse_arg(struct call *call, char *word)
{
	char *value = strchr(word, '=');

	if (!value)
		return false;
	*value++ = 0;
	for (int i = 0; i < NR_ARGS; i++) {
		if (!strcmp(args[i].name, word))
			return parse_value(values_of(call->op, i), value, &call->arg[i]);
	}
	return false;
}

int call_parse(const char *line, struct call *call)
{
	char text[1024], *word, *save;
	int op;

	snprintf(text, sizeof(text), "%s", line);
	text[strcspn(text, "#\n")] = 0;
	word = strtok_r(text, " \t", &save);
	if (!word)
		return 0;
	for (op = 0; op < NR_OPS && strcmp(op_names[op], word); op++)
		;
	if (op == NR_OPS)
		return -1;
	*call = call_of(op);
	while ((word = strtok_r(NULL, " \t", &save))) {
		if (!parse_arg(call, word))
			return -1;
	}
	return 1;
}
