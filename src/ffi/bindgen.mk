# SPDX-License-Identifier: GPL-2.0
#
# The border to C that the mmu_notifier directory needs.  Included by the Kbuild
# file of each module that includes that, see samples/README.md:
#
#	obj-m := driver.o
#	driver-y := driver_main.o ffi/helpers.o
#
#	include $(src)/ffi/bindgen.mk
#	$(obj)/driver_main.o: $(mnck-bindings)
#
# The sources lie beside this file, wherever that is; what is made of them goes
# to $(obj)/ffi.

mnck-ffi := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))

# Cleaning knows no configuration.
ifdef CONFIG_MODULES
ifndef CONFIG_RUST
$(error $(obj-m:.o=): this kernel has no CONFIG_RUST; build one with it)
endif
# bindgen parses with libclang, which does not know the flags of a kernel built
# with GCC.
ifndef CONFIG_CC_IS_CLANG
$(error $(obj-m:.o=): this kernel was built with $(CONFIG_CC_VERSION_TEXT); build one with LLVM=1)
endif
endif

# The crate's own bindings.  Types that the kernel has come from
# kernel::bindings: a second set of them would be distinct types.
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

# Where ffi/raw.rs finds them.
export MNCK_GENERATED := $(abspath $(obj))/ffi
