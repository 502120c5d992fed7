# SPDX-License-Identifier: GPL-2.0

KDIR ?= /lib/modules/$(shell uname -r)/build
# A module is built with the compiler of its kernel, since it gets that compiler's flags.
LLVM ?= $(if $(shell grep -s CONFIG_CC_IS_CLANG=y $(KDIR)/include/config/auto.conf),1)

# A kernel build directory has this file if Rust modules can be built with it.
rust-metadata := rust/libkernel.rmeta

rig = scripts/build_root.sh env PYTHONPATH=scripts \
	PYTHONDONTWRITEBYTECODE=1 python3 -m rig
rig-options = $(if $(ARCH),--arch $(ARCH)) $(if $(VARIANT),--variant $(VARIANT)) \
	$(if $(TEST),--test "$(TEST)") $(if $(ROUNDS),--rounds $(ROUNDS)) \
	$(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) \
	$(if $(JUNIT),--junit /dev/fd/3 3> "$(JUNIT)")

llvm = $(if $(LLVM),LLVM=$(LLVM))
# The output is outside the source directory, so that one checkout serves all kernels.
kbuild = $(MAKE) -C $(KDIR) $(llvm) M=$(CURDIR) MO=$(CURDIR)/build

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
	$(MAKE) -C $(KDIR) $(llvm) M=$(CURDIR)/samples \
		MO=$(CURDIR)/build/samples modules

.PHONY: rust-analyzer
rust-analyzer: need-rust modules
	$(kbuild) rust-analyzer
	@# Make the paths relative to this directory instead of build/, and add
	@# the crate's environment, which the kernel's script does not know.
	@sed -e 's|"\.\./|"|' \
		-e 's|"RUST_MODFILE": .*|&,\n"MNCK_GENERATED": "$(CURDIR)/build/src/ffi"|' \
		build/rust-project.json > rust-project.json

.PHONY: need-rust
need-rust:
	@test -d $(KDIR) || { echo "mnck: KDIR=$(KDIR) does not exist. Set KDIR=" \
		"to a kernel's build directory, or use 'make run', which builds" \
		"its own kernel." >&2; exit 1; }
	@test -e $(KDIR)/$(rust-metadata) || { echo "mnck: KDIR=$(KDIR)" \
		"has no Rust metadata ($(rust-metadata)). The kernel headers of" \
		"distributions lack it. For a kernel of Debian's, 'make debian-kdir'" \
		"makes a KDIR= that has it. Else set KDIR= to a kernel that was" \
		"built with CONFIG_RUST=y, or use 'make run', which builds its" \
		"own kernel." >&2; exit 1; }

.PHONY: run check coverage mutants soak bench rustdoc shell tool
run check coverage mutants soak bench rustdoc shell tool:
	@# exec replaces the shell, so that the rig gets a SIGTERM sent to make.
	@exec $(rig) $@ $(rig-options)

# The tests of mnck beside other drivers, on Debian's kernel.
.PHONY: peers
peers:
	@exec $(rig) check $(if $(ARCH),--arch $(ARCH)) --variant $(or $(VARIANT),stock) \
		--test "peers odp_refused hmm_refused"

.PHONY: debian-kdir
debian-kdir:
	@exec $(rig) $@ --kernel "$(or $(KERNEL),$(shell uname -r))"

.PHONY: clean
clean:
	rm -rf build rust-project.json

.PHONY: distclean
distclean: clean
	scripts/build_root.sh --remove

.PHONY: help
help:
	@sed -n 's/^# help: \?//p' $(firstword $(MAKEFILE_LIST))

# help: In a guest (QEMU). On first use these build the kernel and all that they need:
# help:   make run [ARCH=arm64]     show how mnck names drivers that break a rule
# help:   make check                run all tests on x86_64 and arm64
# help:     ARCH=x86_64|arm64         on one architecture only
# help:     TEST='munmap uapi.lock'   some tests only (also: rig, host, compile_fail, doctest)
# help:     VARIANT=kasan|bench|fixed with KASAN; without debugging; with patches/ applied
# help:     VARIANT=stock|rt          on Debian's own kernel; on its PREEMPT_RT kernel (x86_64)
# help:     JUNIT=file                also write the results as JUnit XML
# help:   make peers                run all tests beside KVM, rdma_rxe and test_hmm (ARCH=)
# help:   make coverage             list the paths of mm that the tests drive (ARCH=)
# help:   make mutants              plant mistakes in mnck; the tests must find each (TEST=, ARCH=)
# help:   make soak                 run a chain under 1,000,000 random invalidations (ROUNDS=, SEED=),
# help:                             then watch drivers under load for 10 minutes (MINUTES=)
# help:   make bench                measure the abstraction against C, and observing (ARCH=)
# help:   make shell [ARCH=arm64]   give a prompt in a guest with the module loaded
# help:   make tool                 build the tool and its man pages: build/tool/ (ARCH=)
# help:   make rustdoc              write the documentation: build/rustdoc/mnck/index.html
# help:   SETUP=no                  never install a package on this machine
# help: Without ARCH=, make coverage and make bench also write their pages in Documentation/.
# help:
# help: For your own kernel, with your own tools:
# help:   make [KDIR=dir]                build the module: build/src/mnck.ko
# help:   make modules_install [KDIR=]   install it into /lib/modules
# help:   make samples [KDIR=]           build the sample driver: build/samples/mnck_sample.ko
# help:   make rust-analyzer [KDIR=]     write rust-project.json, for editors
# help:   make debian-kdir [KERNEL=]     make a KDIR= for a kernel of Debian 13 (default: `uname -r`)
# help:
# help:   make clean       remove what was built here
# help:   make distclean   also remove the cache (~/.cache/mnck: build root, kernels)
