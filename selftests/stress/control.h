/* SPDX-License-Identifier: GPL-2.0 */
/* The process that starts the others, kills them, and looks at what they did. */
#ifndef STRESS_CONTROL_H
#define STRESS_CONTROL_H

#include "fs.h"

/* Where the memory is that all share, in every process. */
#define SHM_FD	200

struct plan {
	const struct dax_fs *fs;
	unsigned int phases;
	/* Between phases: the directory of the modules, or NULL; remount. */
	const char *modules;
	bool remount;
};

/* All phases; whether it came to the end. */
bool control_run(const struct plan *plan);

/* The worker of a slot, after execve(). */
void control_resume(int slot);

#endif
