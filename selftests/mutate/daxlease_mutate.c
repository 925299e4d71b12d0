// SPDX-License-Identifier: GPL-2.0
/*
 * Knocks out kernel functions for as long as this module is loaded: tests show
 * with it that they notice when a protection is missing.
 *
 *	insmod daxlease_mutate.ko [func=FUNC,...] [slow=NAME,...] [slow_us=N]
 *
 * FUNC is one of
 *
 *	NAME		returns 0 without running
 *	NAME@MODULE	the same, but only where it is called by that module
 *	NAME:OTHER	OTHER runs in its place, with the same arguments
 *	NAME@MODULE:OTHER
 *
 * An OTHER of this module is daxlease_mutate_slow_grab(), layout_pin_grab() that
 * sleeps with the pages in its hands.
 *
 * Without func=, what keeps a layout change from freeing a pinned block: the
 * lease manager's verdict and the waits for busy pages, also the one of an inode
 * that goes, which would wait for ever for references that nobody knows any more.
 *
 * The functions of slow= take so much longer to return, which makes a race that
 * a protection is there for a likely one.
 *
 * The functions must return an int, a bool or nothing.  What fail_function does,
 * but without the functions having to be marked for it.  x86 only.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/layout_lease.h>
#include <linux/linkage.h>
#include <linux/module.h>
#include <linux/objtool.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#ifndef CONFIG_X86_64
#error "only x86-64 is known here"
#endif

#define MAX_FUNCS 8

static char *func[MAX_FUNCS] = {
	"__layout_break_begin", "dax_break_layout", "dax_break_layout_final",
};
static int nr_funcs = 3;
module_param_array(func, charp, &nr_funcs, 0444);
MODULE_PARM_DESC(func, "functions to knock out, separated by commas");

static char *slow[MAX_FUNCS];
static int nr_slow;
module_param_array(slow, charp, &nr_slow, 0444);
MODULE_PARM_DESC(slow, "functions to slow down, separated by commas");

static unsigned int slow_us = 5000;
module_param(slow_us, uint, 0444);
MODULE_PARM_DESC(slow_us, "microseconds that these take longer");

struct mutation {
	struct kprobe probe;
	/* What the names point into. */
	char *spec;
	/* Where it goes on in place of the function. */
	unsigned long target;
	const char *caller;
};

static struct mutation mutations[MAX_FUNCS];
static int nr_mutations;
static struct kretprobe delays[MAX_FUNCS];
static int nr_delays;

/* Tasks that are in this module, and will run in it for a moment more. */
static atomic_t nr_sleepers = ATOMIC_INIT(0);

asmlinkage void daxlease_mutate_return(void);

/* Found by its name.  The call in here is not diverted: not the manager's. */
static noinline __used long daxlease_mutate_slow_grab(struct layout_pin_request *req)
{
	long ret;

	atomic_inc(&nr_sleepers);
	ret = layout_pin_grab(req);
	fsleep(slow_us);
	atomic_dec(&nr_sleepers);
	return ret;
}

asm(".text\n"
	".type daxlease_mutate_return, @function\n"
	ASM_FUNC_ALIGN
	"daxlease_mutate_return:\n"
	ANNOTATE_NOENDBR "\n"
	ASM_RET
	".size daxlease_mutate_return, .-daxlease_mutate_return\n");

/* A symbol of a module is told as "name [module]". */
static bool called_by(struct pt_regs *regs, const char *module)
{
	unsigned long caller = *(unsigned long *)regs->sp;
	char name[KSYM_SYMBOL_LEN], *at;

	sprint_symbol_no_offset(name, caller);
	at = strstr(name, " [");
	return at && !strncmp(at + 2, module, strlen(module)) &&
	       strchr("] ", at[2 + strlen(module)]);
}
NOKPROBE_SYMBOL(called_by);

static int divert(struct kprobe *kp, struct pt_regs *regs)
{
	struct mutation *m = container_of(kp, struct mutation, probe);

	if (m->caller && !called_by(regs, m->caller))
		return 0;
	if (m->target == (unsigned long)daxlease_mutate_return)
		regs->ax = 0;
	regs->ip = m->target;
	return 1;
}
NOKPROBE_SYMBOL(divert);

/* A probe with a post handler is neither optimised nor kept from setting ip. */
static void no_optimisation(struct kprobe *kp, struct pt_regs *regs,
			    unsigned long flags)
{
}

static int wait_before_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	udelay(slow_us % 1000);
	mdelay(slow_us / 1000);
	return 0;
}
NOKPROBE_SYMBOL(wait_before_return);

/* Nothing exported finds a symbol, but a probe does. */
static unsigned long address_of(const char *name)
{
	struct kprobe probe = { .symbol_name = name };
	unsigned long addr;

	if (register_kprobe(&probe))
		return 0;
	addr = (unsigned long)probe.addr;
	unregister_kprobe(&probe);
	return addr;
}

static void forget(struct mutation *m)
{
	kfree(m->spec);
	memset(m, 0, sizeof(*m));
}

static void remove_all(void)
{
	int i;

	while (nr_delays)
		unregister_kretprobe(&delays[--nr_delays]);
	for (i = 0; i < nr_mutations; i++)
		unregister_kprobe(&mutations[i].probe);
	/* A task may have been preempted on the return instruction, or sleep in here. */
	synchronize_rcu_tasks();
	while (atomic_read(&nr_sleepers))
		fsleep(10000);
	synchronize_rcu_tasks();
	while (nr_mutations)
		forget(&mutations[--nr_mutations]);
}

static int mutate(const char *what)
{
	struct mutation *m = &mutations[nr_mutations];
	char *caller, *other;
	int ret;

	m->spec = kstrdup(what, GFP_KERNEL);
	if (!m->spec)
		return -ENOMEM;
	m->target = (unsigned long)daxlease_mutate_return;
	other = strchr(m->spec, ':');
	if (other) {
		*other = 0;
		m->target = address_of(other + 1);
	}
	caller = strchr(m->spec, '@');
	if (caller) {
		*caller = 0;
		m->caller = caller + 1;
	}

	m->probe.symbol_name = m->spec;
	m->probe.pre_handler = divert;
	m->probe.post_handler = no_optimisation;
	ret = m->target ? register_kprobe(&m->probe) : -ENOENT;
	if (ret) {
		pr_err("%s: error %d\n", what, ret);
		forget(m);
		return ret;
	}
	nr_mutations++;
	pr_info("%s() is %s\n", m->spec, other ? "another one" : "knocked out");
	return 0;
}

static int delay(const char *name)
{
	struct kretprobe *rp = &delays[nr_delays];
	int ret;

	rp->kp.symbol_name = name;
	rp->handler = wait_before_return;
	rp->maxactive = 64;
	ret = register_kretprobe(rp);
	if (ret) {
		pr_err("%s: error %d\n", name, ret);
		return ret;
	}
	nr_delays++;
	pr_info("%s() is slow\n", name);
	return 0;
}

static int __init mutate_init(void)
{
	int i, ret = 0;

	for (i = 0; i < nr_funcs && !ret; i++)
		ret = mutate(func[i]);
	for (i = 0; i < nr_slow && !ret; i++)
		ret = delay(slow[i]);
	if (ret)
		remove_all();
	return ret;
}

static void __exit mutate_exit(void)
{
	remove_all();
	pr_info("all functions run again\n");
}

module_init(mutate_init);
module_exit(mutate_exit);
MODULE_DESCRIPTION("Knock out kernel functions, to test tests");
MODULE_LICENSE("GPL");
