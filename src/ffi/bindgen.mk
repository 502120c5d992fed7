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
# bindgen uses libclang, which does not accept all flags of a kernel that was built
# with GCC.
ifndef CONFIG_CC_IS_CLANG
$(error $(obj-m:.o=): this kernel was built with $(CONFIG_CC_VERSION_TEXT); build one with LLVM=1)
endif
endif

# The types of the kernel come from kernel::bindings: to Rust, a second declaration
# would be another type.
mnck-bindgen-flags := --use-core --ctypes-prefix ffi --no-layout-tests \
	--no-debug '.*' --no-doc-comments --rust-target 1.85

quiet_cmd_mnck_bindgen = BINDGEN $@
      cmd_mnck_bindgen = $(BINDGEN) $< $(mnck-bindgen-flags) \
	$(mnck-bindgen-target-flags) -o $@ \
	-- $(filter-out $(CC_FLAGS_LTO),$(c_flags)) -fno-builtin -D__BINDGEN__ -DMODULE

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
