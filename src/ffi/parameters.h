/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parameters of the module, which are writable at run time in
 * /sys/module/mnck/parameters/.  For Rust: parameters.rs.
 */
#ifndef MNCK_PARAMETERS_H
#define MNCK_PARAMETERS_H

#include <linux/jump_label.h>

struct mnck_parameter {
	unsigned int value;
	unsigned int max;
};

extern struct mnck_parameter mnck_max_subscribers;
extern struct mnck_parameter mnck_wait_limit_ms;
extern struct mnck_parameter mnck_latency_limit_ms;
extern struct mnck_parameter mnck_stall_limit_ms;
extern struct mnck_parameter mnck_probes;
extern struct mnck_parameter mnck_chain_slots;
extern struct mnck_parameter mnck_ledger_slots;

/* A static key in a struct, as kernel::jump_label wants it. */
struct mnck_switch {
	struct static_key_false key;
};

/*
 * On while latency_limit_ms or probes is not 0, from mnck_parameters_apply() to
 * mnck_parameters_revoke(): each callback then measures more than it does otherwise.
 */
extern struct mnck_switch mnck_measures;

#endif /* MNCK_PARAMETERS_H */
