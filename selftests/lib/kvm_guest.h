/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A KVM guest whose memory is memory of the calling process.
 *
 * It has one vCPU without paging, and a program of its own that stores to its memory or
 * loads from it, as it is told.  The program is in a page apart, so that nothing that a test
 * does to the guest's memory stops it.
 *
 * Functions that return int return 0, or an errno.
 */
#ifndef MNCK_SELFTEST_KVM_GUEST_H
#define MNCK_SELFTEST_KVM_GUEST_H

#include <stddef.h>

#include <linux/types.h>

#define DEV_KVM "/dev/kvm"

/* The guest's program, which is the same for all guests. */
extern const char kvm_guest_program[], kvm_guest_program_end[];

struct kvm_run;

struct kvm_guest {
	int vcpu;
	struct kvm_run *run;
	/* The guest's memory, as the process has it mapped. */
	char *memory;
};

/* Makes a guest with @len bytes of memory at @memory, which need not be mapped yet. */
int kvm_guest_make(struct kvm_guest *guest, char *memory, size_t len);

/*
 * Runs the guest until it has stored @value to the beginning of each page of a range of
 * its memory.  The error is EFAULT if the process has no such memory, or must not write
 * to it.
 */
int kvm_guest_store(struct kvm_guest *guest, char *start, size_t len, __u32 value);

/* Runs the guest until it has loaded the word at @address. */
int kvm_guest_load(struct kvm_guest *guest, char *address, __u32 *value);

#endif /* MNCK_SELFTEST_KVM_GUEST_H */
