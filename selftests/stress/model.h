/* SPDX-License-Identifier: GPL-2.0 */
/* The model of leases, devices and pins; see stress.h. */
#ifndef STRESS_MODEL_H
#define STRESS_MODEL_H

#include "stress.h"

/* A process that acts for a worker and is a child of it: the lease it has attached to. */
extern bool child;
extern int child_lease;

/*
 * The controller holds it while a worker dies, so no one is killed with it.
 */
void model_lock(void);
void model_unlock(void);

/* What follows is called with the lock held, unless it says otherwise. */

/* Slots whose process lives, and is not about to be killed. */
uint32_t model_living(void);

/* A lease that certainly is there. */
bool lease_certain(const struct s_lease *lease);
bool lease_covers(const struct s_lease *lease, uint64_t first, uint64_t end);
void lease_event(const struct s_lease *lease);

/* The descriptor of a device is about to be closed. */
void dev_leave(struct s_dev *dev);

/* The last descriptor may have gone, or the last pin. */
void lease_settle(struct s_lease *lease);
void dev_settle(struct s_dev *dev);
void file_settle(struct s_file *file);

/* Takes a free entry; NULL where there is none. */
struct s_lease *lease_new(void);
struct s_dev *dev_new(bool rdma);
struct s_pin *pin_new(void);

/* The pin holds its pages from now on; it may not do so any more. */
void pin_held(struct s_pin *pin, uint32_t id);
void pin_ending(struct s_pin *pin);
void pin_gone(struct s_pin *pin);
/* It stays for certain. */
bool pin_certain(const struct s_pin *pin);
/* It may be taken back from now on; it has been. */
void pin_risk(struct s_pin *pin);
void pin_revoked(struct s_pin *pin);

/* Is there any lease or pin, certain or not? */
bool file_has_leases(int file);
bool file_has_pins(int file);

/* Its name, if it has one. */
void file_path(int file, char *path);

/* May this process pin under the lease, under any of the file? */
bool lease_mine(const struct s_lease *lease);
bool file_mine(int file);

/* The layout changes of a worker have ended with the process that made them. */
void model_change_over(struct s_worker *w);

/* A worker is about to be killed; it is dead. */
void model_dying(int slot);
void model_dead(int slot);

/* All workers rest, no message is on its way. */
void model_rest(void);

/* Pages: one writer or reader at a time.  Not under the lock. */
bool pages_try(int file, unsigned int first, unsigned int nr);
void pages_put(int file, unsigned int first, unsigned int nr);

/* What is known of a page: a look before, and what came of it. */
struct page_look {
	bool pinned;
	unsigned int epoch;
};

struct page_look page_look(int file, unsigned int page);
bool page_still(int file, unsigned int page, struct page_look look);
void page_forget(int file, unsigned int page);
void page_known(int file, unsigned int page, struct page_look look, struct tag tag);
bool page_content(int file, unsigned int page, struct tag *tag);

#define lease_index(entry)	((int)((entry) - shm->lease))
#define dev_index(entry)	((int)((entry) - shm->dev))
#define pin_index(entry)	((int)((entry) - shm->pin))
#define file_index(entry)	((int)((entry) - shm->file))

static inline bool file_movable(int file)
{
	return file & 1;
}

#endif
