/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For a module that is removed although the core may still call it.
 */
#ifndef NOTIFIER_MISTAKES_CATCH_H
#define NOTIFIER_MISTAKES_CATCH_H

struct mmu_notifier;
struct module;

/*
 * Makes up for what a module forgets: after its exit function, and after all else that hears
 * that it goes, but before its memory is freed, unregisters @left, if it is not NULL, and
 * waits for all that was put.  One module at a time.
 */
void catch_at_exit(struct module *module, struct mmu_notifier *left);

#endif /* NOTIFIER_MISTAKES_CATCH_H */
