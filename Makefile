# SPDX-License-Identifier: GPL-2.0
#
# 'make help' tells what there is.  Kbuild, not this file, says how the module
# is built.

KDIR ?= /lib/modules/$(shell uname -r)/build
FLAVOUR ?= $(if $(filter fuzz,$(MAKECMDGOALS)),debug,plain)
export SHORT FLAVOUR CYCLES CALLS MINUTES SEED CMD TESTS FULL BENCH
export KSRC UPDATE JOBS ACCEL DAXLEASE_CACHE

PHASES := host root source series kernel module tools selftests initramfs
RUNS := demo check lint mutate model bench bench-mr soak soak-kill crash fuzz

.PHONY: all modules help $(RUNS) check-debug vm clean $(PHASES)

all: modules

modules:
	@test -e $(KDIR)/Makefile || { \
		echo "KDIR=$(KDIR) is no kernel build directory."; \
		echo "'make' builds the module alone, against a configured and built $(PATCHED):"; \
		echo "    make KDIR=/path/to/it"; \
		echo "'make check' and 'make demo' get and build everything themselves."; \
		exit 1; }
	$(MAKE) -C $(KDIR) M=$(CURDIR) LLVM=1 modules

PATCHED := Linux 7.3 with patches/linux-7.3 applied

help:
	@cat scripts/help.txt

$(RUNS):
	@scripts/$@.sh

# The same tests on a kernel that notices more.
check-debug:
	@FLAVOUR=debug scripts/check.sh

vm:
	@scripts/shell.sh

$(PHASES):
	@scripts/prepare.sh $@

# Also what 'make' left beside the sources.
clean:
	rm -rf build
	test ! -e $(KDIR)/Makefile || $(MAKE) -C $(KDIR) M=$(CURDIR) LLVM=1 clean
