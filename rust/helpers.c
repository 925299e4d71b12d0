// SPDX-License-Identifier: GPL-2.0
/* See helpers.h. */
#include <linux/bug.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/dax.h>
#include <linux/dcache.h>
#include <linux/eventpoll.h>
#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/layout_lease.h>
#include <linux/memremap.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/uidgid.h>

#include "helpers.h"

static_assert(DAXLEASE_POLL_IN == (__force int)(EPOLLIN | EPOLLRDNORM));
static_assert(DAXLEASE_POLL_HUP == (__force int)EPOLLHUP);
static_assert(DAXLEASE_IOCB_NOWAIT == (__force int)IOCB_NOWAIT);

void daxlease_file_facts(struct file *file, struct daxlease_file_facts *facts)
{
	struct inode *inode = file_inode(file);
	struct mnt_idmap *idmap = file_mnt_idmap(file);
	vfsuid_t vfsuid = i_uid_into_vfsuid(idmap, inode);

	*facts = (struct daxlease_file_facts) {
		.inode = inode,
		.ino = inode->i_ino,
		.dev_major = MAJOR(inode->i_sb->s_dev),
		.dev_minor = MINOR(inode->i_sb->s_dev),
		.regular = S_ISREG(inode->i_mode),
		.dax = IS_DAX(inode),
		.hooked = inode->i_sb->s_type->fs_flags & FS_LAYOUT_LEASE,
		.writable = file->f_mode & FMODE_WRITE,
		.owner = vfsuid_eq_kuid(vfsuid, current_fsuid()) ||
			 capable_wrt_inode_uidgid(idmap, inode, CAP_LEASE),
	};
}

int daxlease_inode_lock_killable(struct inode *inode)
{
	return inode_lock_killable(inode);
}

void daxlease_inode_unlock(struct inode *inode)
{
	inode_unlock(inode);
}

bool daxlease_find_busy(struct inode *inode, unsigned long *start,
			unsigned long *end)
{
	return dax_find_busy(inode->i_mapping, start, end);
}

void daxlease_put_pgmap(struct dev_pagemap *pgmap)
{
	put_dev_pagemap(pgmap);
}

struct inode *daxlease_vma_inode(struct vm_area_struct *vma)
{
	return file_inode(vma->vm_file);
}

unsigned long daxlease_vma_index(struct vm_area_struct *vma,
				 unsigned long addr)
{
	return linear_page_index(vma, addr);
}

struct pid *daxlease_current_tgid(void)
{
	return task_tgid(current);
}

struct pid *daxlease_get_pid(struct pid *pid)
{
	return get_pid(pid);
}

bool daxlease_tgid_alive(struct pid *pid)
{
	guard(rcu)();
	return pid_task(pid, PIDTYPE_TGID);
}

pid_t daxlease_tgid_nr(struct pid *pid)
{
	return daxlease_tgid_alive(pid) ? pid_vnr(pid) : 0;
}

/* Also of one that has ended: its numbers stay with the struct pid. */
bool daxlease_tgid_in_view(struct pid *pid)
{
	return pid_vnr(pid);
}

void daxlease_current_comm(char *comm)
{
	strscpy_pad(comm, current->comm, TASK_COMM_LEN);
}

uid_t daxlease_uid_here(uid_t uid)
{
	return from_kuid_munged(current_user_ns(), KUIDT_INIT(uid));
}

char *daxlease_file_path(struct file *file, char *buf, int len)
{
	return d_path(&file->f_path, buf, len);
}

/* Asked for what is shown, which is nothing to tell an audit. */
bool daxlease_is_admin(void)
{
	return ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
}

void daxlease_copy_name(char *to, const char *from)
{
	strscpy_pad(to, from, LAYOUT_PIN_NAME_LEN);
}

void daxlease_copy_path(char *to, int len, const struct file *file)
{
	char *path = file_path((struct file *)file, to, len);

	if (IS_ERR(path))
		path = "";
	memmove(to, path, strlen(path) + 1);
	memset(to + strlen(to), 0, len - strlen(to));
}

void daxlease_replace_fops(struct file *file,
			   const struct file_operations *fops)
{
	/* Of the same module: the file's reference to it goes over. */
	file->f_op = fops;
}

void daxlease_raise_sigio(struct fasync_struct **readers)
{
	kill_fasync(readers, SIGIO, POLL_IN);
}

bool daxlease_may_force(void)
{
	return capable(CAP_SYS_ADMIN);
}

bool daxlease_is_killed(void)
{
	return fatal_signal_pending(current);
}

bool daxlease_kill(struct pid *pid)
{
	return !kill_pid(pid, SIGKILL, 1);
}

static int is_this_file(const void *this, struct file *file, unsigned int fd)
{
	return this == file;
}

static bool has_open(struct task_struct *task, const void *file)
{
	bool open;

	task_lock(task);
	open = task->files && iterate_fd(task->files, 0, is_this_file, file);
	task_unlock(task);
	return open;
}

/*
 * Lets others run.  False where the walk cannot go on from here: the group ended, or
 * has another leader, by whom execve() replaced this one in the list.
 */
static bool pause_walk(struct task_struct *group)
{
	bool alive;

	get_task_struct(group);
	rcu_read_unlock();
	cond_resched();
	rcu_read_lock();
	alive = pid_alive(group) && thread_group_leader(group);
	put_task_struct(group);
	return alive;
}

/* -EAGAIN: the walk came to an end before all were seen. */
static int walk_openers(const void *file, pid_t *pids, int max, bool pause)
{
	bool admin = daxlease_is_admin();
	struct task_struct *group, *task;
	int found = 0;

	guard(rcu)();
	for_each_process(group) {
		pid_t nr = task_tgid_vnr(group);

		if (found == max)
			break;
		if (fatal_signal_pending(current))
			return -EINTR;
		if (pause && need_resched() && !pause_walk(group))
			return -EAGAIN;
		if (!nr || (!admin && !uid_eq(task_uid(group), current_uid())))
			continue;
		/* As a rule, all threads have the same table. */
		for_each_thread(group, task) {
			if (task != group &&
			    READ_ONCE(task->files) == READ_ONCE(group->files))
				continue;
			if (has_open(task, file)) {
				pids[found++] = nr;
				break;
			}
		}
	}
	return found;
}

int daxlease_openers_of(const void *file, pid_t *pids, int max)
{
	int found = -EAGAIN;

	/* Where processes end faster than they are walked over, in one go at last. */
	for (int tries = 16; tries >= 0 && found == -EAGAIN; tries--)
		found = walk_openers(file, pids, max, tries > 0);
	return found;
}

void daxlease_warn_account(void)
{
	WARN_ONCE(1, "daxlease: the accounts do not balance\n");
}
