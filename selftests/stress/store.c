// SPDX-License-Identifier: GPL-2.0
/* Pages that are written by stores, which may not be there. */
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>

#include "worker.h"

static sigjmp_buf after_fault;
static volatile sig_atomic_t may_fault;

void on_sigbus(int sig)
{
	if (may_fault)
		siglongjmp(after_fault, 1);
	signal(sig, SIG_DFL);
}

bool store_page(void *page, struct tag tag)
{
	volatile bool stored = false;

	may_fault = 1;
	if (!sigsetjmp(after_fault, 1)) {
		tag_fill(page, tag);
		stored = true;
	}
	may_fault = 0;
	return stored;
}

struct tag fresh_page(void *page, unsigned int class, int file, unsigned int index)
{
	struct tag tag = tag_make(class, file, shm->file[file].gen, index);

	tag_fill(page, tag);
	return tag;
}
