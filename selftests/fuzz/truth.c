// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arena.h"
#include "truth.h"

#define TRUTH_BYTES	(1U << 20)

int truth_init(struct truth *truth)
{
	memset(truth, 0, sizeof(*truth));
	truth->buf = malloc(TRUTH_BYTES);
	return truth->buf ? 0 : -ENOMEM;
}

static bool padded_string(const char *text, size_t len)
{
	size_t end = strnlen(text, len);

	if (end == len)
		return false;
	for (; end < len; end++) {
		if (text[end])
			return false;
	}
	return true;
}

static const char *lease_wrong(const struct daxlease_lease_record *lease, uint64_t last)
{
	size_t room;

	if (lease->size < sizeof(*lease) + 8)
		return "a lease record is too short";
	room = lease->size - sizeof(*lease);
	if (!padded_string(lease->path, room) || room - strlen(lease->path) > 8)
		return "a path does not fill its record, or its padding is not zero";
	if (!padded_string(lease->comm, sizeof(lease->comm)))
		return "the name of a lease is not padded with zeroes";
	if (lease->id <= last)
		return "leases are not in the order of their numbers";
	if (lease->mode != DAXLEASE_MODE_EXCLUSIVE && lease->mode != DAXLEASE_MODE_BREAKABLE)
		return "a mode that is none";
	if ((lease->mode == DAXLEASE_MODE_BREAKABLE) != (lease->break_time_ms > 0) ||
	    lease->break_time_ms > BREAK_TIME_MAX)
		return "a break time that does not go with its mode";
	if (lease->mode == DAXLEASE_MODE_EXCLUSIVE && lease->breaking)
		return "somebody waits for pins under an exclusive lease";
	if (!lease->state || lease->state > DAXLEASE_STATE_ORPHANED)
		return "a state that is none";
	if (lease->start >= lease->end)
		return "a lease of nothing";
	return NULL;
}

static const char *pin_wrong(const struct daxlease_pin_record *pin, uint64_t lease, uint64_t last)
{
	if (pin->size != sizeof(*pin))
		return "a pin record of another size";
	if (pin->reserved)
		return "reserved is not zero";
	if (!padded_string(pin->comm, sizeof(pin->comm)) ||
	    !padded_string(pin->owner, sizeof(pin->owner)) ||
	    !padded_string(pin->owner_file, sizeof(pin->owner_file)))
		return "a name of a pin is not padded with zeroes";
	/* The first may belong to the lease before, of an earlier QUERY. */
	if (lease && pin->lease_id != lease)
		return "a pin behind another lease than its own";
	if (pin->id <= last)
		return "pins are not in the order of their numbers";
	if (pin->flags & ~(DAXLEASE_PIN_WRITABLE | DAXLEASE_PIN_REVOCABLE) ||
	    pin->kind > DAXLEASE_PIN_IO_URING)
		return "flags or a kind that are none";
	if (!pin->pages || !pin->runs || pin->start >= pin->end)
		return "a pin of nothing";
	return NULL;
}

const char *records_wrong(const char *buf, uint32_t used, uint32_t len)
{
	uint64_t lease = 0, pin = 0;
	const char *wrong = NULL;
	uint32_t at, size;

	if (used > len)
		return "more was used than there is";
	for (at = 0; at < used && !wrong; at += size) {
		struct daxlease_record head;
		/* A copy, as the buffer need not be aligned. */
		static __thread union {
			struct daxlease_lease_record lease;
			struct daxlease_pin_record pin;
			char bytes[8192];
		} record;

		if (used - at < sizeof(head))
			return "a record is cut";
		memcpy(&head, buf + at, sizeof(head));
		size = head.size;
		if (size < sizeof(head) || size % 8 || size > used - at || size > sizeof(record))
			return "the size of a record is wrong";
		memcpy(&record, buf + at, size);
		if (head.type == DAXLEASE_RECORD_LEASE) {
			wrong = lease_wrong(&record.lease, lease);
			lease = record.lease.id;
			pin = 0;
		} else if (head.type == DAXLEASE_RECORD_PIN) {
			wrong = pin_wrong(&record.pin, lease, pin);
			pin = record.pin.id;
		} else {
			wrong = "a record of an unknown type";
		}
	}
	return wrong;
}

int truth_take(struct truth *truth, int watch)
{
	struct daxlease_query query = {
		.size		= sizeof(query),
		.buf		= (uintptr_t)truth->buf,
		.buf_len	= TRUTH_BYTES,
	};
	uint32_t at;

	memset(&truth->stats, 0, sizeof(truth->stats));
	truth->stats.size = sizeof(truth->stats);
	if (ioctl(watch, DAXLEASE_STATS, &truth->stats) || ioctl(watch, DAXLEASE_QUERY, &query))
		return -errno;
	truth->used = query.used;
	truth->nr = 0;
	if (records_wrong(truth->buf, truth->used, TRUTH_BYTES))
		return -EPROTO;
	for (at = 0; at < query.used && truth->nr < TRUTH_RECORDS; truth->nr++) {
		truth->record[truth->nr] = (const void *)(truth->buf + at);
		at += truth->record[truth->nr]->size;
	}
	return 0;
}

static bool same_without(const char *a, const char *b, size_t len, size_t age)
{
	return !memcmp(a, b, age) &&
	       !memcmp(a + age + sizeof(uint64_t), b + age + sizeof(uint64_t),
		       len - age - sizeof(uint64_t));
}

bool record_same(const struct daxlease_record *a, const struct daxlease_record *b)
{
	size_t age = a->type == DAXLEASE_RECORD_LEASE ?
		offsetof(struct daxlease_lease_record, age_ms) :
		offsetof(struct daxlease_pin_record, age_ms);

	return a->size == b->size && a->type == b->type &&
	       same_without((const char *)a, (const char *)b, a->size, age);
}

bool truth_same_records(const struct truth *a, const struct truth *b)
{
	if (a->nr != b->nr)
		return false;
	for (unsigned int i = 0; i < a->nr; i++) {
		if (!record_same(a->record[i], b->record[i]))
			return false;
	}
	return true;
}
