/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A net under a module that is removed while the core may still call it.
 */
#ifndef NOTIFIER_MISTAKES_CATCH_H
#define NOTIFIER_MISTAKES_CATCH_H

struct mmu_notifier;
struct module;

/*
 * Unregisters @left, unless it is NULL, and waits until all notifiers that were put are freed,
 * when @module goes: after its exit function and all other module notifiers, and before its
 * memory is freed.  This serves one module at a time.
 */
void catch_at_exit(struct module *module, struct mmu_notifier *left);

#endif /* NOTIFIER_MISTAKES_CATCH_H */
