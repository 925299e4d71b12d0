// SPDX-License-Identifier: GPL-2.0
/*
 * Does, when it is loaded, what the debug kernel is to complain about:
 *
 *	insmod daxlease_provoke.ko kind=KIND
 *
 * Once per boot each, and "lock" and "kasan" last: lockdep is off after them.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timer.h>

static char *kind = "";
module_param(kind, charp, 0400);
MODULE_PARM_DESC(kind, "warn, sleep, rcu, object, lock, kasan or hung");

static void provoke_warn(void)
{
	WARN(1, "provoked\n");
}

static void provoke_sleep(void)
{
	preempt_disable();
	might_sleep();
	preempt_enable();
}

static int __rcu *pointer;

/* Neither a reader nor somebody who keeps writers out. */
static void provoke_rcu(void)
{
	if (rcu_dereference(pointer))
		pr_info("not empty\n");
}

static void nothing(struct timer_list *timer)
{
}

/* A timer that is freed while it is armed. */
static void provoke_object(void)
{
	struct timer_list *timer = kmalloc_obj(*timer);

	if (!timer)
		return;
	timer_setup(timer, nothing, 0);
	mod_timer(timer, jiffies + 1000 * HZ);
	/* That says so, and disarms it. */
	kfree(timer);
}

static DEFINE_MUTEX(one);
static DEFINE_MUTEX(two);

static void provoke_lock(void)
{
	scoped_guard(mutex, &one)
		scoped_guard(mutex, &two)
			cond_resched();
	scoped_guard(mutex, &two)
		scoped_guard(mutex, &one)
			cond_resched();
}

static void provoke_kasan(void)
{
	char *bytes = kmalloc(64, GFP_KERNEL);

	if (!bytes)
		return;
	kfree(bytes);
	pr_info("%d\n", READ_ONCE(bytes[8]));
}

static void provoke_hung(void)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule_timeout(1000 * HZ);
}

static const struct {
	const char *name;
	void (*provoke)(void);
} kinds[] = {
	{ "warn", provoke_warn },
	{ "sleep", provoke_sleep },
	{ "rcu", provoke_rcu },
	{ "object", provoke_object },
	{ "lock", provoke_lock },
	{ "kasan", provoke_kasan },
	{ "hung", provoke_hung },
};

static int __init provoke_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kind, kinds[i].name))
			continue;
		pr_info("%s\n", kind);
		kinds[i].provoke();
		/* It is not to stay, so that it can do another one. */
		return -ECANCELED;
	}
	return -EINVAL;
}

module_init(provoke_init);
MODULE_DESCRIPTION("Provoke what a debug kernel complains about, for tests");
MODULE_LICENSE("GPL");
