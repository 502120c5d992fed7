# SPDX-License-Identifier: GPL-2.0
#
# Generates the bindings that the mmu_notifier directory needs.  Included by the
# Kbuild file of each module that uses that directory, see samples/README.md:
#
#	obj-m := driver.o
#	driver-y := driver_main.o ffi/helpers.o
#
#	include $(src)/ffi/bindgen.mk
#	$(obj)/driver_main.o: $(mnck-bindings)
#
# The sources are in the directory of this file; the output goes to $(obj)/ffi.

mnck-ffi := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))

# "make clean" has no configuration.
ifdef CONFIG_MODULES
ifndef CONFIG_RUST
$(error $(obj-m:.o=): this kernel has no CONFIG_RUST; build one with it)
endif
endif

# The types of the kernel come from kernel::bindings: to Rust, a second declaration
# would be another type.
mnck-bindgen-flags := --use-core --ctypes-prefix ffi --no-layout-tests \
	--no-debug '.*' --no-doc-comments --rust-target 1.85

# bindgen parses with libclang, which stops at the flags that only GCC knows.  The
# list is that of rust/Makefile in Linux 7.3, which a kernel's headers lack.
ifndef CONFIG_CC_IS_CLANG
mnck-gcc-flags := -mno-fp-ret-in-387 -mpreferred-stack-boundary=% \
	-mskip-rax-setup -mgeneral-regs-only -msign-return-address=% \
	-mindirect-branch=thunk-extern -mindirect-branch-register \
	-mfunction-return=thunk-extern -mrecord-mcount -mabi=lp64 \
	-mindirect-branch-cs-prefix -mstack-protector-guard% \
	-mno-strict-align -mstrict-align -mdirect-extern-access \
	-fconserve-stack -falign-jumps=% -falign-loops=% \
	-femit-struct-debug-baseonly \
	-fno-ipa-cp-clone -fno-ipa-sra -fno-partial-inlining \
	-fno-reorder-blocks -fno-allow-store-data-races -fasan-shadow-offset=% \
	-fzero-call-used-regs=% -fno-stack-clash-protection \
	-fno-inline-functions-called-once -fsanitize=bounds-strict \
	-fstrict-flex-arrays=% -fmin-function-alignment=% \
	-fzero-init-padding-bits=% \
	-fdiagnostics-show-context -fdiagnostics-show-context=% \
	--param=% --param asan-% -fno-isolate-erroneous-paths-dereference
mnck-clang-target-x86 := x86_64-linux-gnu
mnck-clang-target-arm64 := aarch64-linux-gnu
# GCC's warnings are not clang's, and these headers were compiled before.
mnck-clang-flags := -w --target=$(mnck-clang-target-$(SRCARCH))
endif

quiet_cmd_mnck_bindgen = BINDGEN $@
      cmd_mnck_bindgen = $(BINDGEN) $< $(mnck-bindgen-flags) \
	$(mnck-bindgen-target-flags) -o $@ \
	-- $(filter-out $(CC_FLAGS_LTO) $(mnck-gcc-flags),$(c_flags)) \
	$(mnck-clang-flags) -fno-builtin -D__BINDGEN__ -DMODULE

mnck-bindings := $(obj)/ffi/helpers_generated.rs
$(mnck-bindings): private mnck-bindgen-target-flags = \
	--blocklist-type '.*' --allowlist-var 'MNCK_SYMBOL_LEN' \
	--allowlist-function 'mnck_helper_.*'
$(mnck-bindings): $(mnck-ffi)/helpers.h FORCE
	$(call if_changed_dep,mnck_bindgen)

targets += ffi/helpers_generated.rs

$(obj)/ffi/helpers.o: $(obj)/%.o: $(mnck-ffi)/helpers.c FORCE
	$(call if_changed_rule,cc_o_c)

# Where ffi/raw.rs finds the bindings.
export MNCK_GENERATED := $(abspath $(obj))/ffi
