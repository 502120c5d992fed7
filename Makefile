# SPDX-License-Identifier: GPL-2.0

KDIR ?= /lib/modules/$(shell uname -r)/build
LLVM ?= 1

# What a kernel build directory must have for Rust modules to be built with it.
rust-metadata := rust/libkernel.rmeta

rig = scripts/build_root.sh env PYTHONPATH=scripts \
	PYTHONDONTWRITEBYTECODE=1 python3 -m rig
rig-options = $(if $(ARCH),--arch $(ARCH)) $(if $(VARIANT),--variant $(VARIANT)) \
	$(if $(TEST),--test "$(TEST)") $(if $(ROUNDS),--rounds $(ROUNDS)) \
	$(if $(SEED),--seed $(SEED)) $(if $(JUNIT),--junit /dev/fd/3 3> "$(JUNIT)")

# Out of the source directory, so that one checkout serves all kernels.
kbuild = $(MAKE) -C $(KDIR) LLVM=$(LLVM) M=$(CURDIR) MO=$(CURDIR)/build

.PHONY: modules
modules: need-rust
	@mkdir -p build
	$(kbuild) modules

.PHONY: modules_install
modules_install:
	@test -e build/modules.order || { echo "mnck: run 'make' first" >&2; exit 1; }
	$(kbuild) modules_install

.PHONY: samples
samples: need-rust
	@mkdir -p build/samples
	$(MAKE) -C $(KDIR) LLVM=$(LLVM) M=$(CURDIR)/samples \
		MO=$(CURDIR)/build/samples modules

.PHONY: rust-analyzer
rust-analyzer: need-rust modules
	$(kbuild) rust-analyzer
	@# From build/ to here, with the crate's own environment, which the
	@# kernel's script does not know.
	@sed -e 's|"\.\./|"|' \
		-e 's|"RUST_MODFILE": .*|&,\n"MNCK_GENERATED": "$(CURDIR)/build/src/ffi"|' \
		build/rust-project.json > rust-project.json

.PHONY: need-rust
need-rust:
	@test -d $(KDIR) || { echo "mnck: there is no KDIR=$(KDIR): give KDIR= a" \
		"kernel's build directory, or use 'make run', which builds its own." \
		>&2; exit 1; }
	@test -e $(KDIR)/$(rust-metadata) || { echo "mnck: KDIR=$(KDIR)" \
		"has no Rust metadata ($(rust-metadata)), which distributions'" \
		"kernel headers lack: give KDIR= a kernel built with CONFIG_RUST=y" \
		"and LLVM=1, or use 'make run', which builds its own." >&2; exit 1; }

.PHONY: run check coverage mutants soak bench rustdoc shell
run check coverage mutants soak bench rustdoc shell:
	@# In the place of the shell, so that a SIGTERM to make arrives.
	@exec $(rig) $@ $(rig-options)

.PHONY: clean
clean:
	rm -rf build rust-project.json

.PHONY: distclean
distclean: clean
	scripts/build_root.sh --remove

.PHONY: help
help:
	@sed -n 's/^# help: \?//p' $(firstword $(MAKEFILE_LIST))

# help: In a guest, with all that it needs set up on first use:
# help:   make run [ARCH=arm64]     two subscribers on a live process, munmapped and OOM-reaped
# help:   make check                all tests on both architectures
# help:     ARCH=x86_64|arm64         on one
# help:     TEST='munmap uapi.lock'   some (also: rig, host, compile_fail, doctest)
# help:     VARIANT=kasan|bench|fixed on a kernel with KASAN, without debugging, or with patches/
# help:     JUNIT=file                results as JUnit XML too
# help:   make coverage             which paths of mm the tests drive: Documentation/coverage.md (ARCH=)
# help:   make mutants              prove that the tests can fail: a mistake each (TEST=, ARCH=)
# help:   make soak                 a chain under 1,000,000 random invalidations (ROUNDS=, SEED=)
# help:   make bench                what the abstraction costs, against C: Documentation/cost.md (ARCH=)
# help:   make shell [ARCH=arm64]   a prompt, with the module loaded
# help:   make rustdoc              the abstraction's documentation: build/rustdoc/mnck/index.html
# help:   SETUP=no                  never install a package on this host
# help:
# help: For your own kernel, with your own tools:
# help:   make [KDIR=dir]                the module: build/src/mnck.ko
# help:   make modules_install [KDIR=]   into /lib/modules
# help:   make samples [KDIR=]           a sample driver: build/samples/mnck_sample.ko
# help:   make rust-analyzer [KDIR=]     rust-project.json, for editors
# help:
# help:   make clean       what was built here
# help:   make distclean   the cache too (~/.cache/mnck: build root, kernels)
