/* SPDX-License-Identifier: GPL-2.0 */
/* What the operations of a worker share. */
#ifndef STRESS_WORKER_H
#define STRESS_WORKER_H

#include <linux/daxlease.h>

#include "model.h"
#include "testdev.h"

/* Nothing was done: there was nothing to do it to. */
#define SKIPPED	1

#define PIN_PAGES_MAX	8

/* Each returns 0, an -errno that is no fault, or SKIPPED. */
typedef int (*op_fn)(struct rng *rng);

struct op {
	const char *name;
	op_fn fn;
	/* How often. */
	unsigned int weight;
	enum {
		NEEDS_NOTHING,
		NEEDS_XFS,
		NEEDS_TRANSIENT,
		NEEDS_RDMA,
	} needs;
};

extern const struct op ops[];
extern const int nr_ops;

/* Remembers what an operation was about, for the log. */
void note(int object, long arg0, long arg1);

/* A worker's life; returns when the controller says so. */
void worker_main(void);
void worker_prepare(void);

/* Messages: a descriptor of a lease or a device. */
int inbox_send(int to, bool is_dev, int index);
bool inbox_receive(void);

/* A file that this process has open, or opens; its index or -1. */
int file_any(struct rng *rng);
int file_open(int file);
void file_close(int file);
char *file_mapping(int file);
void file_unmap(int file);

/* A lease, or a device, whose descriptor this process has; its index or -1. */
int lease_any(struct rng *rng);
int dev_any(struct rng *rng, bool rdma);

/* False where the page is not there. */
void on_sigbus(int sig);
bool store_page(void *page, struct tag tag);

void lease_close(int lease);
void dev_close(int dev);

/* The process of this slot, or a child that acts for it. */
extern pid_t self;

/* A device of this process, opened if it has none; its index or -1. */
int dev_make(struct rng *rng);
int dev_open(void);
int rdma_make(struct rng *rng);
/* Has this worker one for RDMA? */
bool worker_has_rdma(void);

/* Sets the task's name, by which records of QUERY are told apart. */
void name_task(char letter, int index, unsigned int nonce);

/* A new lease fd of this process; its index or -1. */
int lease_make(void);
int acquire(int lease, int file, uint64_t first, uint64_t end, unsigned int break_ms);
int attach(int lease);

/* What this process waits in is interrupted after such a time, again and again; 0: no more. */
void impatient(unsigned int us);

/*
 * Takes an event, if there is one, and tells the model: 0, -EAGAIN, or what else
 * read() says.  All that there are, of all descriptors of this process.
 */
int event_take(int lease, struct daxlease_event *event);
void events_take_all(void);

/* A child that acts beside its parent, until that one calls it off. */
void begin_child(void);
int wait_child(pid_t pid);
/* With whatever it is at. */
void kill_child(pid_t pid);

/* A new file that this process has open, if there are less than so many; or -1. */
int file_create_any(unsigned int start, unsigned int size, unsigned int most);
int file_unlink(int file);
int punch(int file, unsigned int first, unsigned int nr);
/* Does not always wait for long. */
int punch_hasty(struct rng *rng, int file, unsigned int first, unsigned int nr);

/* Pins; pins, has the device write, and unpins. */
int pin_at(int file, int dev, unsigned int first, unsigned int nr, unsigned int flags,
	   int *index);
void pin_use(int file, int dev, unsigned int first, unsigned int nr);
/* Of the test device; false where somebody else was faster. */
bool unpin(const struct s_pin *pin, int index);
/* All that this process can of a range. */
int unpin_all(int file, uint64_t first, uint64_t end);
bool pin_same(const struct s_pin *pin, int index);

/* Of either device; see write_begin(). */
int device_write(const struct s_pin *pin, int index);
int region_at(int file, int dev, unsigned int first, unsigned int nr, int *index);
int region_write(const struct s_pin *pin, int index);
int region_end(int index);
/* Whether the region can be read; 0, or as rdma_status() tells it. */
int region_read(int index);

/* Under the lock: a range of the file, most often one that may be pinned. */
void choose_range(struct rng *rng, int file, unsigned int *first, unsigned int *nr);

/*
 * A pin by any device, in two halves: what is checked before and after.  The
 * first returns NULL where there is no room.
 */
struct pin_try {
	struct s_pin *pin;
	bool allowed;
	bool due;
	bool changing;
	uint64_t changes;
	uint64_t releases;
};

bool pin_begin(struct pin_try *t, int file, int dev, unsigned int first, unsigned int nr,
	       unsigned int flags);
void pin_finish(struct pin_try *t, int ret, uint32_t id);

/* Under the lock: a pin by a device of this process.  A copy of one, not under it. */
struct s_pin *pin_mine(struct rng *rng, bool rdma, bool write);
bool pin_take(struct rng *rng, bool rdma, bool write, struct s_pin *copy, int *index);

/* A device writes, in between, and it must be in the file. */
struct write_look {
	/* It was known that it must not reach the file any more. */
	bool revoked;
	struct page_look look[FILE_PAGES];
	struct tag tag[FILE_PAGES];
};

bool write_begin(const struct s_pin *pin, int index, char *buf, struct write_look *w);
void write_finish(const struct s_pin *pin, int index, int ret, struct write_look *w);

/* After execve(). */
void exec_finish(void);

/* The page that a buffer begins with, of a new tag. */
struct tag fresh_page(void *page, unsigned int class, int file, unsigned int index);

/* An operation with these results is no fault. */
bool expected(const char *what, int ret, const int *list);
#define EXPECTED(what, ret, ...) expected(what, ret, (const int[]){ __VA_ARGS__, 0 })

/* op_lease.c */
int op_acquire(struct rng *rng);
int op_attach(struct rng *rng);
int op_release(struct rng *rng);
int op_close_lease(struct rng *rng);
int op_pass_lease(struct rng *rng);
/* op_pin.c */
int op_pin(struct rng *rng);
int op_unpin(struct rng *rng);
int op_close_dev(struct rng *rng);
int op_pass_dev(struct rng *rng);
int op_device_write(struct rng *rng);
int op_device_read(struct rng *rng);
int pin_pages(struct rng *rng, int file, int dev);
/* op_event.c */
int op_events(struct rng *rng);
int op_force(struct rng *rng);
/* op_break.c */
int op_give_way(struct rng *rng);
int op_hold_out(struct rng *rng);
/* op_rdma.c */
int op_register(struct rng *rng);
int op_deregister(struct rng *rng);
int op_transfer(struct rng *rng);
void rdma_close_dev(void);
/* op_change.c */
int op_truncate(struct rng *rng);
int op_open_trunc(struct rng *rng);
int op_punch(struct rng *rng);
int op_zero(struct rng *rng);
int op_collapse(struct rng *rng);
int op_insert(struct rng *rng);
int op_unshare(struct rng *rng);
int op_exchange(struct rng *rng);
int op_reflink_to(struct rng *rng);
int op_dedupe(struct rng *rng);
int op_dax_flag(struct rng *rng);
int op_repair(struct rng *rng);
int op_clone(struct rng *rng);
int op_clone_check(struct rng *rng);
/* op_file.c */
int op_create(struct rng *rng);
int op_unlink(struct rng *rng);
int op_close_file(struct rng *rng);
int op_write(struct rng *rng);
int op_store(struct rng *rng);
int op_read(struct rng *rng);
int op_fsync(struct rng *rng);
int op_msync(struct rng *rng);
int op_direct_out(struct rng *rng);
int op_direct_in(struct rng *rng);
int op_victim(struct rng *rng);
int op_victim_check(struct rng *rng);
/* op_process.c */
int op_fork(struct rng *rng);
int op_duel(struct rng *rng);
int op_exec(struct rng *rng);

#endif
