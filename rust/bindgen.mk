# SPDX-License-Identifier: GPL-2.0
#
# Rust bindings, made at build time, for C items that kernel::bindings lacks.
#
# A Kbuild file names the directories, relative to its own, and includes this:
#
#	obj-m := daxlease.o
#	daxlease-y := rust/daxlease_main.o rust/helpers.o
#
#	bindgen-dirs := rust/bindings
#	include $(src)/rust/bindgen.mk
#	$(obj)/rust/daxlease_main.o: $(obj)/rust/bindings/bindings_generated.rs
#
# Each directory has
#
#	bindings_helper.h	includes what declares the items
#	bindgen_parameters	'--allowlist-item NAME' lines: these and no others
#
# and bindings_generated.rs appears in it, under the output directory if that
# is another one.  A module of the crate takes it in, below the kernel's items
# so that the types are the same ones:
#
#	use kernel::{bindings::*, ffi};
#	use pin_init::MaybeZeroable;
#	include!(concat!(env!("BINDGEN_OBJ"), "/rust/bindings/bindings_generated.rs"));
#
# Inline functions and macros have no symbol to bind to: give them a C function
# in a helpers.c of the module and its prototype in bindings_helper.h.  A
# constant that bindgen cannot evaluate is repeated there as
# 'const type RUST_CONST_HELPER_NAME = NAME;' and arrives as NAME.

# OBJTREE names the kernel's output directory in every rustc run, hence another.
export BINDGEN_OBJ := $(abspath $(obj))

# What libclang cannot take from a kernel built by GCC, and the target it then
# has to be told, are the kernel's knowledge.
ifndef CONFIG_CC_IS_CLANG
bindgen_skip_c_flags := $(shell sed -n \
	'/^bindgen_skip_c_flags :=/,/[^\\]$$/{s/^.*:=//;s/\\$$//;p}' \
	$(srctree)/rust/Makefile)
bindgen_extra_c_flags := -w --target=$(shell sed -n \
	's/^BINDGEN_TARGET_$(SRCARCH)[[:space:]]*:= *//p' $(srctree)/rust/Makefile)
endif

bindgen_c_flags = $(filter-out $(bindgen_skip_c_flags) $(CC_FLAGS_LTO), $(c_flags)) \
	$(bindgen_extra_c_flags) -fno-builtin -D__BINDGEN__

# The kernel's parameters are for whole headers; named items need few of them.
bindgen_flags = --no-recursive-allowlist --no-doc-comments \
	--with-derive-custom-struct '.*=MaybeZeroable' \
	--with-derive-custom-union '.*=MaybeZeroable' \
	$(shell grep -Ev '^$(pound)|^$$' $(word 2,$^))

# As in the kernel's rust/Makefile, apart from bindgen_flags.
quiet_cmd_bindgen = BINDGEN $@
      cmd_bindgen = \
	$(BINDGEN) $< $(bindgen_flags) --rust-target 1.85 \
		--use-core --with-derive-default --ctypes-prefix ffi --no-layout-tests \
		--no-debug '.*' --enable-function-attribute-detection \
		-o $@ -- $(bindgen_c_flags); \
	sed -Ei 's/pub const RUST_CONST_HELPER_([a-zA-Z0-9_]*)/pub const \1/g' $@

bindgen-files := $(addsuffix /bindings_generated.rs, $(bindgen-dirs))
targets += $(bindgen-files)

# Else set or not, according to which object the file is made for.
$(addprefix $(obj)/, $(bindgen-files)): private part-of-module := y

$(addprefix $(obj)/, $(bindgen-files)): $(obj)/%/bindings_generated.rs: \
		$(src)/%/bindings_helper.h $(src)/%/bindgen_parameters FORCE
	$(call if_changed_dep,bindgen)
