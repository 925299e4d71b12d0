// SPDX-License-Identifier: GPL-2.0
/*
 * The server: serves a part of a file to one client at a time, and gives way to
 * whoever wants to truncate the file, punch a hole into it, clone it, ...
 *
 *	            BREAK: tell PAUSE       PAUSED: deregister
 *	SERVING ---------------------> PAUSING ---------------> PAUSED
 *	   ^                                                       |
 *	   +-------------------------------------------------------+
 *	     RESUMED: repair the file, register, ask for what is lost, tell REGION
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "give-way.h"

/* How soon to try again what is refused for the moment. */
#define RETRY_MS	20

enum state {
	IDLE,		/* no client */
	SERVING,	/* a region is registered, and the client knows it */
	PAUSING,	/* the client has been told to pause */
	PAUSED,		/* it has paused, no region is registered */
};

/* What has been called safe. */
struct kept {
	uint64_t batch;
	uint64_t sum;
};

struct server {
	const char *path;
	int file;
	void *map;
	int lease;
	/* Layout changes that we have been told of and that are not over. */
	unsigned int breaks;
	enum state state;
	/* The queue pair may be in an error state. */
	bool reconnect;
	bool refused;
	uint64_t batches;
	unsigned int pauses;
	uint64_t again;
	struct kept kept[SLOTS];
	struct rdma rdma;
	struct peer peer;
	struct ibv_mr *mr;
	struct control control;
};

/*
 * A truncate by others may have made the file shorter, and a hole punch may
 * have taken blocks.  Neither conflicts with a lease: not extending, and not
 * allocating.
 */
static void repair_file(struct server *s)
{
	struct stat st;

	if (fstat(s->file, &st))
		fail_errno("looking at %s", s->path);
	if (st.st_size < (off_t)SERVED_SIZE) {
		if (st.st_size)
			say("the file has %lld bytes: extending it", (long long)st.st_size);
		if (ftruncate(s->file, SERVED_SIZE))
			fail_errno("extending %s", s->path);
	}
	/* Registering would do it too, but not say so well that the disk is full. */
	if (fallocate(s->file, 0, 0, SERVED_SIZE))
		fail_errno("allocating %lu bytes in %s", SERVED_SIZE, s->path);
}

/*
 * False where the file is being changed right now.  That is not always told: a
 * change that finds no pins has nobody to ask.  So there may be no RESUMED to
 * wait for, and trying again is all there is.
 */
static bool register_region(struct server *s)
{
	repair_file(s);
	s->mr = ibv_reg_mr(s->rdma.pd, s->map, SERVED_SIZE, IBV_ACCESS_LOCAL_WRITE |
			   IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ);
	s->refused = !s->mr;
	if (s->mr)
		return true;
	/* EFAULT: it has become shorter since we repaired it. */
	if (errno == EAGAIN || errno == EFAULT)
		return false;
	if (errno == EOPNOTSUPP)
		fail("the device does not take memory of DAX files, with a lease or without");
	if (errno == ENOMEM)
		fail("registering the mapping: not enough memory; try a larger 'ulimit -l'");
	fail_errno("registering the mapping");
}

static void deregister(struct server *s)
{
	if (s->mr && ibv_dereg_mr(s->mr))
		fail_errno("deregistering the mapping");
	s->mr = NULL;
}

/*
 * Are all batches there that we have called safe?  All, not only those in the
 * range of the change we were told of: others may have come while nothing was
 * registered.  Ask for what is lost.
 */
static void ask_again(struct server *s)
{
	unsigned int lost = 0;
	uint64_t sum;

	for (size_t slot = 0; slot < SLOTS; slot++) {
		struct kept *kept = &s->kept[slot];

		if (!kept->batch || (slot_checksum(s->file, slot, &sum) && sum == kept->sum))
			continue;
		control_send(&s->control, "AGAIN %" PRIu64, kept->batch);
		kept->batch = 0;
		lost++;
	}
	if (lost)
		say("the change has taken %u batches: asking for them again", lost);
	s->again += lost;
}

static void resume(struct server *s)
{
	if (!register_region(s))
		return;
	/* From here on nothing changes unless we are asked. */
	ask_again(s);
	if (s->reconnect) {
		rdma_connect(&s->rdma, &s->peer);
		control_send(&s->control, "CONNECT");
		s->reconnect = false;
	}
	control_send(&s->control, "REGION %" PRIu64 " %" PRIu32,
		     (uint64_t)(uintptr_t)s->map, s->mr->rkey);
	say("registered, the rkey is %#" PRIx32 ": the client goes on", s->mr->rkey);
	s->state = SERVING;
}

/* The client will answer PAUSED. */
static void pause_client(struct server *s)
{
	if (s->state != SERVING)
		return;
	control_send(&s->control, "PAUSE");
	s->state = PAUSING;
	s->pauses++;
}

static void handle_event(void *arg, const struct daxlease_event *event)
{
	struct server *s = arg;

	switch (event->type) {
	case DAXLEASE_EVENT_BREAK:
		say("BREAK: somebody wants to %s the file at byte %llu",
		    lease_reason(event->reason), (unsigned long long)event->start);
		s->breaks++;
		pause_client(s);
		break;
	case DAXLEASE_EVENT_RESUMED:
		say("RESUMED: %s", event->outcome ? strerror(event->outcome) : "it is done");
		if (s->breaks)
			s->breaks--;
		break;
	case DAXLEASE_EVENT_REVOKED:
		/*
		 * We were too slow, or an administrator did it.  The region is
		 * of no use any more, a write to it ends in an error, and so
		 * do both queue pairs.
		 */
		say("REVOKED: the region has been taken from us");
		s->reconnect = true;
		pause_client(s);
		break;
	case DAXLEASE_EVENT_OVERFLOW:
		/*
		 * What is lost may be any of the above.  So do all of it, and
		 * leave it to the registration to find out what is not over.
		 */
		say("OVERFLOW: %u events are lost", event->lost);
		s->breaks = 0;
		s->reconnect = true;
		pause_client(s);
		break;
	default:
		/* DRAINED, and what later versions may tell. */
		break;
	}
}

/*
 * The client says that a batch has arrived.  It is safe when the file has it
 * and it is on the medium; fsync() does not wait for regions, nor for whoever
 * waits for us.
 */
static void keep_batch(struct server *s, uint64_t batch, uint64_t sum)
{
	struct kept *kept = &s->kept[batch % SLOTS];
	uint64_t found;

	if (fsync(s->file))
		fail_errno("fsync of %s", s->path);
	/* If the region was revoked meanwhile, the file may have changed already. */
	if (!slot_checksum(s->file, batch % SLOTS, &found) || found != sum) {
		control_send(&s->control, "AGAIN %" PRIu64, batch);
		kept->batch = 0;
		s->again++;
		return;
	}
	*kept = (struct kept){ batch, sum };
	s->batches++;
	control_send(&s->control, "DONE %" PRIu64, batch);
}

static void client_gone(struct server *s)
{
	deregister(s);
	close(s->control.fd);
	rdma_close(&s->rdma);
	s->state = IDLE;
	say("the client has gone: %" PRIu64 " batches are safe, %u pauses, %" PRIu64 " sent again",
	    s->batches, s->pauses, s->again);
}

/* False at the end of the client. */
static bool handle_line(struct server *s, const char *line)
{
	uint64_t batch, sum;
	char text[64];

	if (sscanf(line, "WROTE %" SCNu64 " %" SCNu64, &batch, &sum) == 2) {
		keep_batch(s, batch, sum);
	} else if (!strcmp(line, "PAUSED") && s->state == PAUSING) {
		/* Nothing is in flight: let go.  Whoever waits for us goes on now. */
		deregister(s);
		s->state = PAUSED;
		say("the client has paused, the region is deregistered");
	} else if (sscanf(line, "FAILED %" SCNu64, &batch) == 1) {
		/* REVOKED, most likely: the event is on its way. */
		s->reconnect = true;
		pause_client(s);
	} else if (!strncmp(line, "HELLO ", 6) && rdma_parse(line + 6, &s->peer)) {
		rdma_connect(&s->rdma, &s->peer);
		rdma_describe(&s->rdma, text, sizeof(text));
		control_send(&s->control, "HELLO %s", text);
		s->state = PAUSED;
	} else {
		if (strcmp(line, "BYE"))
			say("the client says '%s', which makes no sense here", line);
		return false;
	}
	return true;
}

static void handle_client(struct server *s)
{
	char line[128];

	if (!control_receive(&s->control)) {
		client_gone(s);
		return;
	}
	while (control_line(&s->control, line, sizeof(line))) {
		if (!handle_line(s, line)) {
			client_gone(s);
			return;
		}
	}
}

static void accept_client(struct server *s, int listener, const char *device)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		fail_errno("accepting a client");
	memset(s->kept, 0, sizeof(s->kept));
	s->batches = 0;
	s->pauses = 0;
	s->again = 0;
	s->reconnect = false;
	control_open(&s->control, fd);
	rdma_open(&s->rdma, device);
	/* Not yet serving: its queue pair is not known. */
	s->state = PAUSING;
	say("a client has come");
}

int serve(const char *path, const char *device, uint32_t break_time_ms, bool once)
{
	struct server s = { .path = path };
	uint64_t id;
	int listener;

	s.file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (s.file < 0)
		fail_errno("opening %s", path);
	repair_file(&s);
	s.map = mmap(NULL, SERVED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, s.file, 0);
	if (s.map == MAP_FAILED)
		fail_errno("mapping %s", path);
	s.lease = lease_take(s.file, break_time_ms, &id);
	listener = control_listen();
	say("serving %s under lease %" PRIu64 ", port " PORT, path, id);

	for (bool served = false; !once || !served || s.state != IDLE;) {
		struct pollfd fds[] = {
			{ .fd = s.lease, .events = POLLIN },
			{ .fd = s.state == IDLE ? listener : s.control.fd, .events = POLLIN },
		};

		/* The only timeout: something cannot be registered for the moment. */
		if (poll(fds, 2, s.refused && s.state == PAUSED ? RETRY_MS : -1) < 0 &&
		    errno != EINTR)
			fail_errno("waiting for events");
		if (fds[0].revents)
			lease_events(s.lease, handle_event, &s);
		if (fds[1].revents && s.state == IDLE) {
			accept_client(&s, listener, device);
			served = true;
		} else if (fds[1].revents) {
			handle_client(&s);
		}
		if (s.state == PAUSED && !s.breaks)
			resume(&s);
	}
	/* The lease ends with the last file that holds it. */
	close(s.lease);
	return 0;
}
