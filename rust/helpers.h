/* SPDX-License-Identifier: GPL-2.0 */
/* What C has as macros and inline functions, as functions for Rust. */
#ifndef _DAXLEASE_HELPERS_H
#define _DAXLEASE_HELPERS_H

#include <linux/types.h>

struct dev_pagemap;
struct fasync_struct;
struct file;
struct file_operations;
struct inode;
struct path;
struct pid;
struct vm_area_struct;

/**
 * struct daxlease_file_facts - what decides whether a file can be leased
 * @inode: its inode
 * @ino: inode number
 * @dev_major: device of the filesystem
 * @dev_minor: likewise
 * @regular: a regular file
 * @dax: in DAX mode
 * @hooked: on a filesystem that asks before it changes a layout
 * @writable: open for writing
 * @owner: the caller owns it or has CAP_LEASE over it
 */
struct daxlease_file_facts {
	struct inode *inode;
	u64 ino;
	u32 dev_major;
	u32 dev_minor;
	bool regular;
	bool dax;
	bool hooked;
	bool writable;
	bool owner;
};

void daxlease_file_facts(struct file *file, struct daxlease_file_facts *facts);
int daxlease_inode_lock_killable(struct inode *inode);
void daxlease_inode_unlock(struct inode *inode);
bool daxlease_find_busy(struct inode *inode, unsigned long *start,
			unsigned long *end);
void daxlease_put_pgmap(struct dev_pagemap *pgmap);
struct inode *daxlease_vma_inode(struct vm_area_struct *vma);
unsigned long daxlease_vma_index(struct vm_area_struct *vma,
				 unsigned long addr);
struct pid *daxlease_current_tgid(void);
struct pid *daxlease_get_pid(struct pid *pid);
pid_t daxlease_tgid_nr(struct pid *pid);
bool daxlease_tgid_alive(struct pid *pid);
bool daxlease_tgid_in_view(struct pid *pid);
void daxlease_current_comm(char *comm);
uid_t daxlease_uid_here(uid_t uid);
char *daxlease_file_path(struct file *file, char *buf, int len);
bool daxlease_is_admin(void);

/* Of a device that may be renamed meanwhile; to has LAYOUT_PIN_NAME_LEN bytes. */
void daxlease_copy_name(char *to, const char *from);

/* The path of an owner's file, or nothing where there is no room for it. */
void daxlease_copy_path(char *to, int len, const struct file *file);

/* In ->open() of a file of this module. */
void daxlease_replace_fops(struct file *file,
			   const struct file_operations *fops);

void daxlease_raise_sigio(struct fasync_struct **readers);
bool daxlease_may_force(void);
bool daxlease_is_killed(void);

/* SIGKILL to a thread group; whether there was one. */
bool daxlease_kill(struct pid *pid);

/*
 * Numbers of the thread groups that have a file open and that the caller could
 * look into, max at most.  The file is compared only.
 */
int daxlease_openers_of(const void *file, pid_t *pids, int max);

void daxlease_warn_account(void);

/* In the module that 'make bench' builds for itself. */
unsigned int daxlease_bench_drain(void);
void daxlease_bench_rcu(bool expedited);

/* Masks that are more than numbers to C. */
enum {
	DAXLEASE_POLL_IN	= 0x0001 | 0x0040,	/* EPOLLIN | EPOLLRDNORM */
	DAXLEASE_POLL_HUP	= 0x0010,		/* EPOLLHUP */
	DAXLEASE_IOCB_NOWAIT	= 8,			/* IOCB_NOWAIT */
};

#endif
