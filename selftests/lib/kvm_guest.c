// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "kvm_guest.h"

/* Where the guest has its program and its memory: addresses that 32 bits can hold. */
#define PROGRAM 0x1000UL
#define MEMORY 0x40000000UL

/* What the guest is told in its registers. */
struct order {
	__u64 address;
	__u64 pages;
	__u64 page_size;
	__u32 value;
	bool load;
};

#if defined(__x86_64__)

/* Protected mode without paging; a vCPU without an interrupt controller exits at HLT. */
asm(".pushsection .rodata\n"
	".code32\n"
	"kvm_guest_program:\n"
	"	test	%ebx, %ebx\n"
	"	jnz	2f\n"
	"1:	mov	%eax, (%edi)\n"
	"	add	%esi, %edi\n"
	"	dec	%ecx\n"
	"	jnz	1b\n"
	"	hlt\n"
	"2:	mov	(%edi), %eax\n"
	"	hlt\n"
	"kvm_guest_program_end:\n"
	".code64\n"
	".popsection\n");

static int vcpu_init(int vm, int vcpu)
{
	struct kvm_segment flat = {
		.limit = 0xffffffff, .present = 1, .s = 1, .g = 1, .db = 1,
	};
	struct kvm_sregs sregs;

	(void)vm;
	if (ioctl(vcpu, KVM_GET_SREGS, &sregs))
		return -1;
	sregs.cr0 |= 1;	/* protected mode */
	sregs.cs = flat;
	sregs.cs.selector = 8;
	sregs.cs.type = 11;
	sregs.ds = flat;
	sregs.ds.selector = 16;
	sregs.ds.type = 3;
	sregs.es = sregs.ds;
	sregs.fs = sregs.ds;
	sregs.gs = sregs.ds;
	sregs.ss = sregs.ds;
	return ioctl(vcpu, KVM_SET_SREGS, &sregs);
}

static int vcpu_order(int vcpu, const struct order *order)
{
	struct kvm_regs regs = {
		.rip = PROGRAM,
		.rflags = 2,
		.rax = order->value,
		.rbx = order->load,
		.rcx = order->pages,
		.rsi = order->page_size,
		.rdi = order->address,
	};

	return ioctl(vcpu, KVM_SET_REGS, &regs);
}

/* Returns whether the vCPU has executed its order; @value is what it has loaded last. */
static bool vcpu_done(int vcpu, struct kvm_run *run, __u32 *value)
{
	struct kvm_regs regs;

	if (run->exit_reason != KVM_EXIT_HLT || ioctl(vcpu, KVM_GET_REGS, &regs))
		return false;
	*value = regs.rax;
	return true;
}

#elif defined(__aarch64__)

#define REGISTER(_name)                                                                 \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE |                          \
	 KVM_REG_ARM_CORE_REG(_name))

/* Where the guest has neither memory nor a device: the vCPU exits at a store. */
#define NOTHING 0x20000000UL

/* EL1 with its MMU off. */
asm(".pushsection .rodata\n"
	".balign 4\n"
	"kvm_guest_program:\n"
	"	cbnz	w4, 2f\n"
	"1:	str	w2, [x0]\n"
	"	add	x0, x0, x5\n"
	"	subs	x1, x1, #1\n"
	"	b.ne	1b\n"
	"	str	w2, [x3]\n"
	"2:	ldr	w2, [x0]\n"
	"	str	w2, [x3]\n"
	"kvm_guest_program_end:\n"
	".popsection\n");

static int vcpu_init(int vm, int vcpu)
{
	struct kvm_vcpu_init init;

	return ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init) ||
	       ioctl(vcpu, KVM_ARM_VCPU_INIT, &init) ? -1 : 0;
}

static int set_register(int vcpu, __u64 id, __u64 value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	return ioctl(vcpu, KVM_SET_ONE_REG, &reg);
}

static int vcpu_order(int vcpu, const struct order *order)
{
	return set_register(vcpu, REGISTER(regs.pc), PROGRAM) ||
	       set_register(vcpu, REGISTER(regs.regs[0]), order->address) ||
	       set_register(vcpu, REGISTER(regs.regs[1]), order->pages) ||
	       set_register(vcpu, REGISTER(regs.regs[2]), order->value) ||
	       set_register(vcpu, REGISTER(regs.regs[3]), NOTHING) ||
	       set_register(vcpu, REGISTER(regs.regs[4]), order->load) ||
	       set_register(vcpu, REGISTER(regs.regs[5]), order->page_size) ? -1 : 0;
}

static bool vcpu_done(int vcpu, struct kvm_run *run, __u32 *value)
{
	if (run->exit_reason != KVM_EXIT_MMIO || run->mmio.phys_addr != NOTHING)
		return false;
	memcpy(value, run->mmio.data, sizeof(*value));
	/*
	 * KVM steps over the store when the vCPU is run next.  That must not happen after
	 * the program counter was set for the next order.
	 */
	run->immediate_exit = 1;
	ioctl(vcpu, KVM_RUN, 0);
	run->immediate_exit = 0;
	return true;
}

#endif

static int set_memory(int vm, __u32 slot, __u64 guest_address, char *memory, size_t len)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = guest_address,
		.memory_size = len,
		.userspace_addr = (uintptr_t)memory,
	};

	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

/* The descriptors stay open as long as the process lives. */
int kvm_guest_make(struct kvm_guest *guest, char *memory, size_t len)
{
	size_t page = getpagesize();
	char *program;
	int kvm, vm, size;

	kvm = open(DEV_KVM, O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		return errno;
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		return errno;
	program = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (program == MAP_FAILED)
		return errno;
	memcpy(program, kvm_guest_program, kvm_guest_program_end - kvm_guest_program);
	if (set_memory(vm, 0, PROGRAM, program, page) || set_memory(vm, 1, MEMORY, memory, len))
		return errno;

	guest->memory = memory;
	guest->vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (guest->vcpu < 0 || size < 0 || vcpu_init(vm, guest->vcpu))
		return errno;
	guest->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, guest->vcpu, 0);
	return guest->run == MAP_FAILED ? errno : 0;
}

static int run(struct kvm_guest *guest, const struct order *order, __u32 *value)
{
	if (vcpu_order(guest->vcpu, order))
		return errno;
	while (ioctl(guest->vcpu, KVM_RUN, 0))
		if (errno != EINTR && errno != EAGAIN)
			return errno;
	return vcpu_done(guest->vcpu, guest->run, value) ? 0 : EIO;
}

int kvm_guest_store(struct kvm_guest *guest, char *start, size_t len, __u32 value)
{
	struct order order = {
		.address = MEMORY + (start - guest->memory),
		.pages = len / getpagesize(),
		.page_size = getpagesize(),
		.value = value,
	};

	return run(guest, &order, &value);
}

int kvm_guest_load(struct kvm_guest *guest, char *address, __u32 *value)
{
	struct order order = {
		.address = MEMORY + (address - guest->memory),
		.load = true,
	};

	return run(guest, &order, value);
}
