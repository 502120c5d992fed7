/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counts the calls of functions of the kernel, with kprobe events.
 *
 * Functions that return int return 0, or -1 and errno.
 */
#ifndef MNCK_SELFTEST_PROBE_H
#define MNCK_SELFTEST_PROBE_H

/*
 * Counts the calls of @function from now on, in all processes, under the name @event.
 * tracefs must be mounted.
 */
int probe_add(const char *event, const char *function);

/* Returns how often the function was called; -1 if a call was missed or nothing counts. */
long probe_calls(const char *event);

/* Removes all that probe_add() has added, if anything. */
int probes_remove(void);

#endif /* MNCK_SELFTEST_PROBE_H */
