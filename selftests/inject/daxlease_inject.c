// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/daxlease-inject, see inject_uapi.h: calls of kernel functions fail one
 * after the other, in one task, for tests of what happens then.
 *
 * What fail_function does, but without the functions having to be marked for
 * it, with a count over several of them, only while another function runs, and
 * on a kernel without fault injection.  x86 only.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/fs.h>
#include <linux/irq_work.h>
#include <linux/kprobes.h>
#include <linux/linkage.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/objtool.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "inject_uapi.h"

#ifndef CONFIG_X86_64
#error "only x86-64 is known here"
#endif

struct point {
	struct kprobe kp;
	struct inject_func func;
};

/* Of the one user; probes look at it without a lock, only in the armed task. */
static struct {
	struct inject_setup setup;
	struct point *points;
	struct kprobe *probes[INJECT_FUNCS];
	unsigned int nr_probes;
	struct kretprobe window;
	bool has_window;

	struct task_struct *task;
	unsigned int depth;
	unsigned int nth;
	struct inject_result result;
	struct irq_work kill_work;
} inject;

static DEFINE_MUTEX(inject_mutex);
static atomic_t inject_users = ATOMIC_INIT(0);

asmlinkage void daxlease_inject_return(void);

asm(".text\n"
	".type daxlease_inject_return, @function\n"
	ASM_FUNC_ALIGN
	"daxlease_inject_return:\n"
	ANNOTATE_NOENDBR "\n"
	ASM_RET
	".size daxlease_inject_return, .-daxlease_inject_return\n");

static unsigned long *argument(struct pt_regs *regs, unsigned int nr)
{
	switch (nr) {
	case 0:
		return &regs->di;
	case 1:
		return &regs->si;
	case 2:
		return &regs->dx;
	case 3:
		return &regs->cx;
	case 4:
		return &regs->r8;
	default:
		return &regs->r9;
	}
}
NOKPROBE_SYMBOL(argument);

/* Not an interrupt on top of the task.  A breakpoint counts as an NMI. */
static bool in_the_task(void)
{
	unsigned int count = preempt_count() &
			     (NMI_MASK | HARDIRQ_MASK | SOFTIRQ_OFFSET);

	return READ_ONCE(inject.task) == current &&
	       (!count || count == NMI_OFFSET + HARDIRQ_OFFSET);
}
NOKPROBE_SYMBOL(in_the_task);

/* Sending a signal takes locks that whoever is probed may have. */
static void kill_task(struct irq_work *work)
{
	struct task_struct *task = READ_ONCE(inject.task);

	if (task)
		send_sig(SIGKILL, task, 1);
}

static int at_call(struct kprobe *kp, struct pt_regs *regs)
{
	struct point *point = container_of(kp, struct point, kp);
	const struct inject_func *func = &point->func;

	if (!in_the_task() || (inject.has_window && !inject.depth))
		return 0;
	if (func->flags & INJECT_GFP) {
		unsigned long gfp = *argument(regs, func->arg);

		/* Without flags it is Rust that frees, which is not to fail. */
		if (!(u32)gfp || gfp & (__force unsigned long)__GFP_NOFAIL)
			return 0;
	}
	if (++inject.result.calls != inject.nth)
		return 0;

	inject.result.hit = 1;
	memcpy(inject.result.name, func->name, INJECT_NAME_LEN);
	if (inject.setup.kill) {
		irq_work_queue(&inject.kill_work);
		return 0;
	}
	if (func->how == INJECT_ARGUMENT) {
		*argument(regs, func->arg) = func->value;
		return 0;
	}
	regs->ax = func->value;
	regs->ip = (unsigned long)daxlease_inject_return;
	return 1;
}
NOKPROBE_SYMBOL(at_call);

/* A probe with a post handler is neither optimised nor kept from setting ip. */
static void no_optimisation(struct kprobe *kp, struct pt_regs *regs,
			    unsigned long flags)
{
}

static int window_opens(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	if (!in_the_task())
		return 1;
	inject.depth++;
	return 0;
}
NOKPROBE_SYMBOL(window_opens);

static int window_closes(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	if (READ_ONCE(inject.task) == current && inject.depth)
		inject.depth--;
	return 0;
}
NOKPROBE_SYMBOL(window_closes);

static void stop(void)
{
	struct task_struct *task = xchg(&inject.task, NULL);

	irq_work_sync(&inject.kill_work);
	if (task)
		put_task_struct(task);
}

static void remove_probes(void)
{
	if (inject.has_window)
		unregister_kretprobe(&inject.window);
	inject.has_window = false;
	if (inject.nr_probes) {
		unregister_kprobes(inject.probes, inject.nr_probes);
		/* A task may have been preempted on the return instruction. */
		synchronize_rcu_tasks();
	}
	inject.nr_probes = 0;
	kfree(inject.points);
	inject.points = NULL;
}

static int add_window(void)
{
	int ret;

	if (!inject.setup.window[0])
		return 0;
	inject.window = (struct kretprobe) {
		.kp.symbol_name	= inject.setup.window,
		.entry_handler	= window_opens,
		.handler	= window_closes,
		.maxactive	= 64,
	};
	ret = register_kretprobe(&inject.window);
	if (ret)
		pr_err("%s: error %d\n", inject.setup.window, ret);
	else
		inject.has_window = true;
	return ret;
}

static int add_point(struct point *point, const struct inject_func *func)
{
	int ret;

	point->func = *func;
	point->kp.symbol_name = point->func.name;
	point->kp.pre_handler = at_call;
	point->kp.post_handler = no_optimisation;
	ret = register_kprobe(&point->kp);
	if (ret == -ENOENT && func->flags & INJECT_OPTIONAL)
		return 0;
	if (ret)
		pr_err("%s: error %d\n", func->name, ret);
	else
		inject.probes[inject.nr_probes++] = &point->kp;
	return ret;
}

static int check_setup(struct inject_setup *setup)
{
	unsigned int i;

	if (!setup->nr || setup->nr > INJECT_FUNCS)
		return -EINVAL;
	if (strnlen(setup->window, INJECT_NAME_LEN) == INJECT_NAME_LEN)
		return -EINVAL;
	for (i = 0; i < setup->nr; i++) {
		struct inject_func *func = &setup->func[i];

		if (strnlen(func->name, INJECT_NAME_LEN) == INJECT_NAME_LEN ||
		    func->how > INJECT_ARGUMENT || func->arg > 5 ||
		    func->flags & ~(INJECT_GFP | INJECT_OPTIONAL) ||
		    func->reserved)
			return -EINVAL;
	}
	return 0;
}

static int set_up(const void __user *arg)
{
	unsigned int i;
	int ret;

	stop();
	remove_probes();
	if (copy_from_user(&inject.setup, arg, sizeof(inject.setup)))
		return -EFAULT;
	ret = check_setup(&inject.setup);
	if (ret)
		return ret;
	inject.points = kzalloc_objs(*inject.points, inject.setup.nr);
	if (!inject.points)
		return -ENOMEM;
	ret = add_window();
	for (i = 0; !ret && i < inject.setup.nr; i++)
		ret = add_point(&inject.points[i], &inject.setup.func[i]);
	if (ret)
		remove_probes();
	return ret;
}

static int arm(unsigned long nth)
{
	if (!nth || nth > UINT_MAX || !inject.points)
		return -EINVAL;
	stop();
	inject.depth = 0;
	inject.nth = nth;
	memset(&inject.result, 0, sizeof(inject.result));
	WRITE_ONCE(inject.task, get_task_struct(current));
	return 0;
}

/* Addresses as no pointer to them looks like. */
static unsigned long lost[INJECT_LOST];

static void find(void)
{
	unsigned int i;

	for (i = 0; i < INJECT_LOST; i++) {
		if (lost[i])
			kfree((void *)~lost[i]);
		lost[i] = 0;
	}
}

static int lose(void)
{
	unsigned int i;

	find();
	for (i = 0; i < INJECT_LOST; i++) {
		void *piece = kmalloc(64, GFP_KERNEL);

		if (!piece)
			return -ENOMEM;
		lost[i] = ~(unsigned long)piece;
	}
	return 0;
}

/*
 * SLUB's sheaves remember objects that they have given out until others take
 * their place, and kmemleak believes them.  Enough for all sheaves of a processor.
 */
#define STALE	256

static long churn(void *unused)
{
	static const gfp_t kinds[] = { GFP_KERNEL, GFP_KERNEL_ACCOUNT };
	unsigned int kind, i;
	size_t size;
	void **piece;

	piece = kvcalloc(STALE, sizeof(*piece), GFP_KERNEL);
	if (!piece)
		return -ENOMEM;
	for (kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		for (size = 8; size <= KMALLOC_MAX_CACHE_SIZE; size += max(size / 2, 8)) {
			for (i = 0; i < STALE; i++)
				piece[i] = kmalloc(size, kinds[kind]);
			for (i = 0; i < STALE; i++)
				kfree(piece[i]);
		}
	}
	kvfree(piece);
	return 0;
}

static int churn_set(const char *val, const struct kernel_param *kp)
{
	int cpu, ret = 0;

	cpus_read_lock();
	for_each_online_cpu(cpu)
		ret = ret ?: work_on_cpu(cpu, churn, NULL);
	cpus_read_unlock();
	return ret;
}

static const struct kernel_param_ops churn_ops = { .set = churn_set };
module_param_cb(churn, &churn_ops, NULL, 0200);
MODULE_PARM_DESC(churn, "writing to it has the allocator forget what it has given out");

static long inject_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	/* The calling task is the armed one: nothing of this is to be counted. */
	if (cmd == INJECT_STOP && READ_ONCE(inject.task) == current)
		stop();

	guard(mutex)(&inject_mutex);
	switch (cmd) {
	case INJECT_SETUP:
		return set_up((const void __user *)arg);
	case INJECT_ARM:
		return arm(arg);
	case INJECT_STOP:
		stop();
		return copy_to_user((void __user *)arg, &inject.result,
				    sizeof(inject.result)) ? -EFAULT : 0;
	case INJECT_LOSE:
		return lose();
	case INJECT_FIND:
		find();
		return 0;
	default:
		return -ENOTTY;
	}
}

static int inject_open(struct inode *inode, struct file *file)
{
	return atomic_cmpxchg(&inject_users, 0, 1) ? -EBUSY : 0;
}

static int inject_release(struct inode *inode, struct file *file)
{
	scoped_guard(mutex, &inject_mutex) {
		stop();
		remove_probes();
		find();
	}
	atomic_set(&inject_users, 0);
	return 0;
}

static const struct file_operations inject_fops = {
	.owner		= THIS_MODULE,
	.open		= inject_open,
	.release	= inject_release,
	.unlocked_ioctl	= inject_ioctl,
};

static struct miscdevice inject_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "daxlease-inject",
	.fops	= &inject_fops,
	.mode	= 0600,
};

static int __init inject_init(void)
{
	init_irq_work(&inject.kill_work, kill_task);
	return misc_register(&inject_device);
}

static void __exit inject_exit(void)
{
	misc_deregister(&inject_device);
}

module_init(inject_init);
module_exit(inject_exit);
MODULE_DESCRIPTION("Let kernel functions fail one call after the other, for tests");
MODULE_LICENSE("GPL");
