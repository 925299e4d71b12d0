// SPDX-License-Identifier: GPL-2.0
/*
 * Lists in pieces, those of QUERY and of SCAN, against the whole list as it was
 * told just before; and what SCAN says of a range.
 */
#include <errno.h>
#include <string.h>

#include "model.h"

#define QUERY_SIZE	40
#define SCAN_SIZE	80
#define RECORD_ONLY	1
#define MAX_BYTES	((uint64_t)INT64_MAX)

/* Which records are asked for, and for how many there is room. */
struct listing {
	uint32_t buf_len;
	uint64_t lease_cursor;
	uint64_t pin_cursor;
	/* Pages of one file, or all of all. */
	bool all;
	int file;
	uint64_t start;
	uint64_t end;
};

/* Those that are told, and where the cursors are then. */
struct part {
	const struct daxlease_record *record[TRUTH_RECORDS];
	unsigned int nr;
	uint32_t used;
	bool too_small;
	uint64_t lease_cursor;
	uint64_t pin_cursor;
};

static bool overlaps(const struct listing *list, uint64_t start, uint64_t end)
{
	return start / PAGE_SZ < list->end && list->start < end / PAGE_SZ +
	       (end == DAXLEASE_TO_INFINITY);
}

static bool wants_pin(const struct listing *list, const struct daxlease_pin_record *pin)
{
	return list->all || overlaps(list, pin->start, pin->end);
}

static bool wants_lease(struct model *model, const struct listing *list,
			const struct daxlease_lease_record *lease)
{
	const struct truth *truth = model_truth(model);

	if (list->all)
		return true;
	if (model_find_lease(model, lease->id)->file != list->file)
		return false;
	for (unsigned int i = 0; i < truth->nr; i++) {
		const struct daxlease_pin_record *pin = pin_of(truth->record[i]);

		if (pin && pin->lease_id == lease->id && wants_pin(list, pin))
			return true;
	}
	return overlaps(list, lease->start, lease->end);
}

/* Behind the cursors? */
static bool is_left(const struct listing *list, const struct daxlease_record *record)
{
	const struct daxlease_lease_record *lease = lease_of(record);
	const struct daxlease_pin_record *pin = pin_of(record);

	if (lease)
		return lease->id > list->lease_cursor;
	return pin->lease_id > list->lease_cursor ||
	       (list->pin_cursor && pin->lease_id == list->lease_cursor &&
		pin->id > list->pin_cursor);
}

static const struct part *part_of(struct model *model, const struct listing *list)
{
	const struct truth *truth = model_truth(model);
	const struct daxlease_lease_record *lease = NULL;
	static struct part part;
	bool wanted = false;

	memset(&part, 0, sizeof(part));
	part.lease_cursor = list->lease_cursor;
	part.pin_cursor = list->pin_cursor;
	for (unsigned int i = 0; i < truth->nr; i++) {
		const struct daxlease_record *record = truth->record[i];

		if (lease_of(record)) {
			lease = lease_of(record);
			wanted = wants_lease(model, list, lease);
		}
		if (!is_left(list, record))
			continue;
		/* A lease before this one is done with. */
		if (lease_of(record))
			part.pin_cursor = 0;
		if (lease_of(record) && !wanted)
			part.lease_cursor = lease->id;
		if (!wanted || (pin_of(record) && !wants_pin(list, pin_of(record))))
			continue;
		if (record->size > list->buf_len - part.used) {
			part.too_small = true;
			break;
		}
		part.record[part.nr++] = record;
		part.used += record->size;
		part.lease_cursor = lease->id;
		part.pin_cursor = lease_of(record) ? RECORD_ONLY : pin_of(record)->id;
	}
	if (!part.too_small)
		part.pin_cursor = 0;
	return &part;
}

static errset expect_list(struct model *model, const struct worker *worker,
			  const struct listing *list, size_t known)
{
	const struct part *part = part_of(model, list);

	if (part->used > worker->buf.writable)
		return E(EFAULT);
	if (!part->used && part->too_small)
		return E(EINVAL);
	return worker->arg.writable < known ? E(EFAULT) : OK;
}

static const char *check_list(struct model *model, const struct worker *worker,
			      const struct listing *list, uint32_t used, uint64_t lease_cursor,
			      uint64_t pin_cursor)
{
	const struct part *part = part_of(model, list);
	const char *at = worker->buf.bytes;
	static union {
		struct daxlease_record head;
		char bytes[8192];
	} copy;

	if (used != part->used)
		return "a list tells less, or more, than there is";
	if (lease_cursor != part->lease_cursor || pin_cursor != part->pin_cursor)
		return "the cursors of a list are not where it ended";
	if (!place_intact(&worker->buf, part->used))
		return "a list is longer than it says";
	for (unsigned int i = 0; i < part->nr; i++) {
		size_t size = part->record[i]->size;

		memcpy(copy.bytes, at, size);
		if (!record_same(&copy.head, part->record[i]))
			return "a list in pieces tells something else than one in whole";
		at += size;
	}
	return NULL;
}

static struct listing query_list(const struct daxlease_query *query)
{
	return (struct listing) {
		.buf_len	= query->buf_len,
		.lease_cursor	= query->lease_cursor,
		.pin_cursor	= query->pin_cursor,
		.all		= true,
	};
}

errset expect_query(struct model *model, const struct worker *worker, const struct call *call)
{
	errset set = expect_argument(worker, call, sizeof(struct daxlease_query), QUERY_SIZE);
	struct listing list = query_list(&worker->query);

	return set ? set : expect_list(model, worker, &list, sizeof(struct daxlease_query));
}

const char *check_query(struct model *model, const struct worker *worker,
			const struct call *call)
{
	struct listing list = query_list(&worker->query);
	struct daxlease_query after;

	(void)call;
	memcpy(&after, worker->arg.bytes, sizeof(after));
	return check_list(model, worker, &list, after.used, after.lease_cursor, after.pin_cursor);
}

int scanned_file(const struct call *call)
{
	switch (call->arg[A_FILE]) {
	case FD_RDONLY:
	case FD_WRONLY:
		return FD_FILE0;
	case FD_APPEND:
		return FD_FILE1;
	default:
		return call->arg[A_FILE];
	}
}

static struct listing scan_list(const struct worker *worker, const struct call *call)
{
	const struct daxlease_scan *scan = &worker->scan;

	return (struct listing) {
		.buf_len	= scan->buf_len,
		.lease_cursor	= scan->lease_cursor,
		.pin_cursor	= scan->pin_cursor,
		.file		= scanned_file(call),
		.start		= scan->offset / PAGE_SZ,
		.end		= scan->length ?
				  (scan->offset + scan->length + PAGE_SZ - 1) / PAGE_SZ : ~0ULL,
	};
}

errset expect_scan(struct model *model, const struct worker *worker, const struct call *call)
{
	const struct daxlease_scan *scan = &worker->scan;
	errset set = expect_argument(worker, call, sizeof(*scan), SCAN_SIZE);
	struct listing list = scan_list(worker, call);
	enum fdkind kind = call->arg[A_FILE];

	if (set)
		return set;
	if (scan->offset > MAX_BYTES || scan->length > MAX_BYTES - scan->offset)
		return E(EINVAL);
	/* To look, a file need not be one's own, nor open for writing. */
	if (kind != FD_RDONLY && kind != FD_FILE2)
		set = expect_file(model, kind, scan->fd);
	if (set)
		return set;
	if (!scan->buf_len)
		return worker->arg.writable < sizeof(*scan) ? E(EFAULT) : OK;
	return expect_list(model, worker, &list, sizeof(*scan));
}

const char *check_scan(struct model *model, const struct worker *worker, const struct call *call)
{
	const struct daxlease_scan *before = &worker->scan;
	struct listing list = scan_list(worker, call);
	unsigned int count[WORLD_PAGES] = { 0 };
	uint64_t first = list.start, end;
	struct daxlease_scan after;

	memcpy(&after, worker->arg.bytes, sizeof(after));
	if (after.offset != before->offset || after.length != before->length ||
	    after.buf != before->buf || after.buf_len != before->buf_len)
		return "a SCAN changes what is not its answer";
	model_count(model, list.file, count);
	while (first < list.end && first < WORLD_PAGES && !count[first])
		first++;
	end = first;
	while (end < list.end && end < WORLD_PAGES && count[end])
		end++;
	if (after.busy != (first < end ? DAXLEASE_BUSY_PINNED : 0))
		return "a SCAN has another verdict";
	if (after.first != (first < end ? first * PAGE_SZ : 0) ||
	    after.end != (first < end ? end * PAGE_SZ : 0))
		return "a SCAN finds another part";
	if (before->buf_len)
		return check_list(model, worker, &list, after.used, after.lease_cursor,
				  after.pin_cursor);
	if (after.used || after.lease_cursor != before->lease_cursor ||
	    after.pin_cursor != before->pin_cursor)
		return "a SCAN without records has an answer about them";
	return NULL;
}
