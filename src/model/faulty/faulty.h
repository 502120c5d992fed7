/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The callback tables of drivers in C: each breaks one rule, a few break none.
 */
#ifndef MNCK_FAULTY_H
#define MNCK_FAULTY_H

#include <linux/types.h>

struct mmu_interval_notifier_ops;
struct mmu_notifier;
struct mmu_notifier_ops;

/*
 * Returns the table of the driver that makes the mistake @fault (enum mnck_fault)
 * in the callback @place (enum mnck_place); NULL if there is none.  No driver
 * registers anything by itself, or looks for its subscription in a list.
 */
const struct mmu_notifier_ops *mnck_faulty_ops(unsigned int fault, unsigned int place);
/* Returns the table of the interval driver that makes the mistake @fault, or NULL. */
const struct mmu_interval_notifier_ops *mnck_faulty_interval_ops(unsigned int fault);
/* Returns whether the driver received an end without a start: true once for each. */
bool mnck_faulty_complains(struct mmu_notifier *subscription);

#endif /* MNCK_FAULTY_H */
