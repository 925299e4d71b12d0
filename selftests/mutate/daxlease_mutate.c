// SPDX-License-Identifier: GPL-2.0
/*
 * Makes kernel functions return 0 without running, for as long as this module
 * is loaded: tests show with it that they notice when a check is missing.
 *
 *	insmod daxlease_mutate.ko [func=NAME,...]
 *
 * Without func=, what keeps a layout change from freeing a pinned block: the
 * lease manager's verdict and the wait for busy pages.
 *
 * The functions must return an int or nothing.  What fail_function does, but
 * without the functions having to be marked for it.  x86 only.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kprobes.h>
#include <linux/linkage.h>
#include <linux/module.h>
#include <linux/objtool.h>
#include <linux/rcupdate.h>

#ifndef CONFIG_X86_64
#error "only x86-64 is known here"
#endif

#define MAX_FUNCS 8

static char *func[MAX_FUNCS] = { "__layout_break_begin", "dax_break_layout" };
static int nr_funcs = 2;
module_param_array(func, charp, &nr_funcs, 0444);
MODULE_PARM_DESC(func, "functions to skip, separated by commas");

static struct kprobe probes[MAX_FUNCS];
static struct kprobe *registered[MAX_FUNCS];

asmlinkage void daxlease_mutate_return(void);

asm(".text\n"
	".type daxlease_mutate_return, @function\n"
	ASM_FUNC_ALIGN
	"daxlease_mutate_return:\n"
	ANNOTATE_NOENDBR "\n"
	ASM_RET
	".size daxlease_mutate_return, .-daxlease_mutate_return\n");

static int skip_function(struct kprobe *kp, struct pt_regs *regs)
{
	regs->ax = 0;
	regs->ip = (unsigned long)daxlease_mutate_return;
	return 1;
}
NOKPROBE_SYMBOL(skip_function);

/* A probe with a post handler is neither optimised nor kept from setting ip. */
static void no_optimisation(struct kprobe *kp, struct pt_regs *regs,
			    unsigned long flags)
{
}

static void remove_probes(int nr)
{
	unregister_kprobes(registered, nr);
	/* A task may have been preempted on the return instruction. */
	synchronize_rcu_tasks();
}

static int __init mutate_init(void)
{
	int i, ret;

	for (i = 0; i < nr_funcs; i++) {
		probes[i].symbol_name = func[i];
		probes[i].pre_handler = skip_function;
		probes[i].post_handler = no_optimisation;
		registered[i] = &probes[i];

		ret = register_kprobe(&probes[i]);
		if (ret) {
			pr_err("%s: error %d\n", func[i], ret);
			remove_probes(i);
			return ret;
		}
		pr_info("%s() returns 0 now\n", func[i]);
	}
	return 0;
}

static void __exit mutate_exit(void)
{
	remove_probes(nr_funcs);
	pr_info("all functions run again\n");
}

module_init(mutate_init);
module_exit(mutate_exit);
MODULE_DESCRIPTION("Disable kernel functions, to test tests");
MODULE_LICENSE("GPL");
