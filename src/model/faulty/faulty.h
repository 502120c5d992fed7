/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The callback tables of C drivers that break a rule, one each, and of such that
 * break none.
 */
#ifndef MNCK_FAULTY_H
#define MNCK_FAULTY_H

#include <linux/types.h>

struct mmu_interval_notifier_ops;
struct mmu_notifier;
struct mmu_notifier_ops;

/*
 * The table with a mistake, enum mnck_fault, in a callback, enum mnck_place; or
 * NULL if there is none.  None of these registers anything by itself, nor looks
 * for its subscription in any list.
 */
const struct mmu_notifier_ops *mnck_faulty_ops(unsigned int fault, unsigned int place);
/* The same for MNCK_IN_INTERVAL. */
const struct mmu_interval_notifier_ops *mnck_faulty_interval_ops(unsigned int fault);
/* Whether a driver got an end without a start: true once for each. */
bool mnck_faulty_complains(struct mmu_notifier *subscription);

#endif /* MNCK_FAULTY_H */
