/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The stress test: what its processes share.
 *
 * Workers do random operations on files of three classes:
 *
 *   leased	any operation; what may be in which page is said in tag.h.  Files
 *		of an even number never have their pages moved, those of an odd
 *		number exchange them with each other.
 *   victims	made and filled from the blocks that the others have freed.
 *   clones	reflinked from leased files, never written to afterwards.
 *
 * The model in shared memory says which leases, devices and pins there are, who
 * has descriptors of them, and what was written where under a pin.  A worker
 * says there what it is about to do before it does it, so that the model is
 * known for certain, or known to be uncertain, when it is killed in between.
 */
#ifndef STRESS_H
#define STRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "kselftest.h"

#include "fs.h"
#include "rng.h"
#include "tag.h"
#include "util.h"

#define WORKERS_MAX	8
#define FILES_MAX	16
/* Files that have a name at a time. */
#define FILES_NAMED	8
#define FILE_PAGES	40
#define LEASES_MAX	48
#define DEVS_MAX	32
#define PINS_MAX	96
#define VICTIMS		4
#define VICTIM_PAGES	48
#define CLONES		2
#define RING		16
/* Anonymous memory that each RDMA device has registered. */
#define ANON_PAGES	8

#define TO_INFINITY	UINT64_MAX

enum file_state {
	FILE_FREE,
	FILE_CREATING,
	FILE_NAMED,
	FILE_UNLINKING,
	FILE_UNLINKED,
};

struct s_page {
	/* Slot + 1 of the one who writes, or compares, it. */
	atomic_int owner;
	/* Pins that certainly hold it, and how often there were none left. */
	unsigned int pins;
	unsigned int epoch;
	/* What it must contain as long as it stays pinned since. */
	bool known;
	unsigned int known_epoch;
	struct tag content;
};

struct s_file {
	enum file_state state;
	/* Slot + 1 of the one that creates or unlinks it. */
	int worker;
	unsigned int gen;
	ino_t ino;
	/* Slots that have it open. */
	uint32_t users;
	/* Layout changes under way; begun or ended. */
	unsigned int changing;
	uint64_t changes;
	/* Leases and pins that came, went or might have; releases likewise. */
	uint64_t events;
	uint64_t releases;
	/* Calls of FORCE under way. */
	unsigned int forcing;
	struct s_page page[FILE_PAGES];
};

enum lease_state {
	LEASE_NONE,		/* the descriptor carries none */
	LEASE_ACQUIRING,
	LEASE_HELD,
	LEASE_UNSURE,		/* somebody was killed who changed it */
	LEASE_CLOSED,		/* no descriptor; there if it has pins */
};

/* A lease fd, and the lease on it. */
struct s_lease {
	bool used;
	enum lease_state state;
	int file;
	uint64_t first;
	uint64_t end;
	uint64_t id;
	unsigned int nonce;
	pid_t acquirer;
	/* 0: exclusive. */
	unsigned int break_ms;
	/*
	 * BREAK read less RESUMED read, their number and the sum of their numbers:
	 * 0 in the end, in whatever order readers come in here.  Unless some were
	 * lost, or read by somebody who could not say so.
	 */
	int breaks_open;
	uint64_t breaks_sum;
	bool events_lost;
	/* Slots that have a descriptor; copies on their way; being closed. */
	uint32_t owners;
	unsigned int in_flight;
	unsigned int closing;
	/* Slots whose process may pin, and what QUERY may say of their number. */
	uint32_t attached;
	unsigned int holders_min;
	unsigned int holders_max;
	unsigned int releasing;
	/* When it was certain. */
	uint64_t since;
};

struct s_dev {
	bool used;
	bool rdma;
	uint32_t owners;
	unsigned int in_flight;
	unsigned int closing;
};

enum pin_state {
	PIN_FREE,
	PIN_PENDING,
	PIN_HELD,
	PIN_ENDING,
	PIN_UNSURE,
};

struct s_pin {
	enum pin_state state;
	int dev;
	int file;
	unsigned int first;
	unsigned int nr;
	bool write;
	/*
	 * It can be taken back; this may happen without a word; it has.  It must
	 * have been by the time that all rest.
	 */
	bool revocable;
	bool risky;
	bool revoked;
	bool doomed;
	/* Leases that it may be under: it counts once under each. */
	unsigned int leases;
	/* Its pages count it. */
	bool counted;
	/* 0 where it is not known. */
	uint32_t id;
	unsigned int nonce;
	pid_t pid;
	uint64_t since;
};

enum victim_state {
	VICTIM_NONE,
	VICTIM_FILLING,
	VICTIM_FULL,
};

struct s_victim {
	enum victim_state state;
	unsigned int gen;
	unsigned int pages;
	struct tag tag[VICTIM_PAGES];
};

struct s_clone {
	enum victim_state state;
	bool movable;
	uint64_t sum;
	off_t size;
};

enum worker_state {
	WORKER_RUNNING,
	WORKER_DONE,
	WORKER_DRAINED,
};

struct ring_entry {
	uint64_t op;
	/* Index: the image has another address after execve(). */
	int what;
	int object;
	long arg[2];
	long ret;
};

#define OPS_MAX	64

struct s_worker {
	pid_t pid;
	bool dying;
	enum worker_state state;
	unsigned int phase;
	unsigned int life;
	uint64_t next_op;
	int lease_fd[LEASES_MAX];
	int dev_fd[DEVS_MAX];
	int file_fd[FILES_MAX];
	/* What it is about to do; -1: nothing. */
	int doing_pin;
	int doing_acquire;
	int doing_release;
	int doing_events;
	int doing_force;
	int doing_change[2];
	int closing_lease;
	int closing_dev;
	/* Its child goes on with its part of a duel. */
	atomic_bool duelling;
	/* Closed by execve(). */
	uint64_t exec_leases;
	uint64_t exec_devs;
	struct s_victim victim[VICTIMS];
	struct s_clone clone[CLONES];
	struct ring_entry ring[RING];
	uint64_t tried[OPS_MAX];
	uint64_t succeeded[OPS_MAX];
};

enum command {
	COMMAND_RUN,
	COMMAND_DRAIN,
	COMMAND_END,
};

enum fault {
	/* A file contains what was never written to it. */
	FAULT_CORRUPTION,
	/* A pinned page does not contain what was. */
	FAULT_LOST,
	/* The module's accounts are not those of the model. */
	FAULT_ACCOUNT,
	/* A call did what it must not, or failed where it must not. */
	FAULT_RULE,
	FAULTS,
};

/* Things that are to have happened, for a run to mean something. */
enum did {
	DID_PIN,
	DID_PIN_REFUSED,
	DID_DEVICE_WRITE,
	DID_READ_BACK,
	DID_CHANGE,
	DID_CHANGE_REFUSED,
	DID_VICTIM,
	DID_VICTIM_CHECK,
	DID_PASS,
	DID_KILL,
	DID_CHILD_PIN,
	DID_EXEC,
	DID_RDMA,
	DID_ORPHAN,
	DID_BREAK,
	DID_GIVE_WAY,
	DID_PIN_AGAIN,
	DID_REFUSED_BREAKING,
	DID_INTERRUPT,
	DID_KILL_WAITING,
	DID_REVOKE,
	DID_REVOKE_RDMA,
	DID_OUTLAST,
	DID_DESERT,
	DID_FORCE,
	DIDS,
};

struct shared {
	atomic_int lock;
	atomic_uint tag_seq;
	atomic_uint nonce;
	/* Settings. */
	uint64_t seed;
	unsigned int workers;
	unsigned int ops;
	bool xfs;
	bool transient;
	bool rdma;
	char dir[PATH_LEN];
	char nodax[PATH_LEN];
	int inbox[WORKERS_MAX][2];
	/* The run. */
	unsigned int phase;
	enum command command;
	uint64_t now;
	/* What STATS says of revoked pins in the beginning, and must say now. */
	uint64_t revoked_base;
	uint64_t revoked_min;
	uint64_t revoked_max;
	struct s_file file[FILES_MAX];
	struct s_lease lease[LEASES_MAX];
	struct s_dev dev[DEVS_MAX];
	struct s_pin pin[PINS_MAX];
	struct s_worker worker[WORKERS_MAX];
	atomic_uint faults[FAULTS];
	atomic_ulong did[DIDS];
};

extern struct shared *shm;

/* This process's slot, or -1 for the one that controls. */
extern int slot;
#define me	(&shm->worker[slot])
#define MY_BIT	(1U << slot)

static inline void did(enum did what)
{
	atomic_fetch_add(&shm->did[what], 1);
}

/* Says what is wrong, and goes on. */
void __printf(2, 3) fault(enum fault fault, const char *fmt, ...);

#endif
