// SPDX-License-Identifier: GPL-2.0

//! Which callback holds up the tasks that wait.

use crate::tables::running::Call;

/// What the core does: it opens or closes a range, or releases a process.
const RANGE: &str = "range";

/// Callbacks that run, and tasks that wait.
pub struct State {
    /// The oldest first.
    pub callbacks: Vec<Call>,
    /// The oldest first.
    pub waiters: Vec<Call>,
    /// For each waiter the callbacks that hold it up, if that is certain.
    culprits: Vec<Vec<usize>>,
}

/// Why some tasks wait.
pub enum Blame<'a> {
    /// The oldest callback for which they wait, and how many others they wait for.
    Callback {
        callback: &'a Call,
        waiters: usize,
        others: usize,
    },
    /// No callback that runs can be what they wait for.
    Nothing { waiters: usize },
}

/// Returns whether the core itself does this.
pub fn is_of_core(call: &Call) -> bool {
    call.activity == RANGE
}

/// Returns whether this is a wait for callbacks.
fn is_wait(call: &Call) -> bool {
    // The core also waits when it releases a process.
    matches!(&*call.activity, "unregister" | "remove" | "read_begin")
        || (is_of_core(call) && call.range.is_none())
}

/// Returns whether a task waits for the ranges of one process only.
fn waits_for_ranges(waiter: &Call) -> bool {
    matches!(&*waiter.activity, "remove" | "read_begin")
}

impl State {
    /// Sorts calls.  `is_same` says whether two threads are of one process.
    pub fn of(calls: Vec<Call>, is_same: impl Fn(u32, u32) -> bool) -> Self {
        // The core has a range open while a callback runs for it.
        let in_callback: Vec<_> = calls
            .iter()
            .filter(|call| !is_of_core(call) && !is_wait(call))
            .map(|call| call.tid)
            .collect();
        let (mut waiters, mut callbacks): (Vec<_>, Vec<_>) = calls
            .into_iter()
            .filter(|call| !is_of_core(call) || !in_callback.contains(&call.tid))
            .partition(is_wait);
        waiters.sort_by_key(|call| std::cmp::Reverse(call.age));
        callbacks.sort_by_key(|call| std::cmp::Reverse(call.age));

        let culprits = waiters
            .iter()
            .map(|waiter| {
                (0..callbacks.len())
                    .filter(|at| holds_up(&callbacks[*at], waiter, &is_same))
                    .collect()
            })
            .collect();

        Self {
            callbacks,
            waiters,
            culprits,
        }
    }

    /// Returns whether there is any call that the module knows only if it watches.
    pub fn has_foreign(&self) -> bool {
        self.callbacks
            .iter()
            .chain(&self.waiters)
            .any(|call| call.subscriber == "core" || call.subscriber.ends_with(']'))
    }

    /// Returns the oldest callback that holds a waiter up.
    pub fn culprit(&self, waiter: &Call) -> Option<&Call> {
        let at = self.waiters.iter().position(|call| call == waiter)?;

        Some(&self.callbacks[*self.culprits[at].first()?])
    }

    /// Returns why the waiters wait, as far as that is certain.
    pub fn blames(&self) -> Vec<Blame<'_>> {
        let mut blames = vec![];

        for (at, callback) in self.callbacks.iter().enumerate() {
            let held: Vec<_> = self
                .culprits
                .iter()
                .filter(|culprits| culprits.first() == Some(&at))
                .collect();
            if let Some(most) = held.iter().map(|culprits| culprits.len()).max() {
                blames.push(Blame::Callback {
                    callback,
                    waiters: held.len(),
                    others: most - 1,
                });
            }
        }
        // Perhaps a callback of another process runs for the same memory.
        let waiters = self.waiters.iter().filter(|w| waits_for_ranges(w)).count();
        if waiters != 0 && !self.callbacks.iter().any(is_for_range) {
            blames.push(Blame::Nothing { waiters });
        }
        blames
    }
}

/// Returns whether a callback runs while a range is open for intervals.
fn is_for_range(callback: &Call) -> bool {
    matches!(
        &*callback.activity,
        "start" | "chain start" | "invalidate" | "finish" | RANGE
    )
}

/// Returns whether it is certain that `callback` holds `waiter` up.
///
/// The core waits in an unregister, and in the release of a process, for all callbacks that it has
/// called under its SRCU before.  In the functions for intervals it waits for the ranges of one
/// process, most often its own.
fn holds_up(callback: &Call, waiter: &Call, is_same: &impl Fn(u32, u32) -> bool) -> bool {
    if callback.tid == waiter.tid {
        false
    } else if waits_for_ranges(waiter) {
        is_for_range(callback) && is_same(callback.tid, waiter.tid)
    } else {
        !matches!(&*callback.activity, "invalidate" | "finish" | RANGE)
            && callback.age >= waiter.age
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(subscriber: &str, activity: &str, age: u64, tid: u32) -> Call {
        Call {
            subscriber: subscriber.into(),
            activity: activity.into(),
            age,
            tid,
            ..Default::default()
        }
    }

    /// Threads of one process have the same hundreds.
    fn state(calls: Vec<Call>) -> State {
        State::of(calls, |one, other| one / 100 == other / 100)
    }

    #[test]
    fn an_unregister_waits_for_older_callbacks_of_any_process() {
        let state = state(vec![
            call("new [m]", "start", 10, 101),
            call("core", "unregister", 20, 201),
            call("interval [m]", "invalidate", 90, 301),
            call("old [m]", "end", 40, 401),
            call("older [m]", "young", 50, 501),
        ]);

        assert_eq!(
            "older [m]",
            state.culprit(&state.waiters[0]).unwrap().subscriber
        );
        let blames = state.blames();
        assert!(matches!(
            blames[..],
            [Blame::Callback { callback, waiters: 1, others: 1 }] if callback.tid == 501
        ));
    }

    #[test]
    fn an_exit_waits_as_an_unregister_does() {
        let state = state(vec![
            call("core", "range", 20, 201),
            call("old [m]", "start", 40, 401),
        ]);

        assert_eq!(1, state.waiters.len());
        assert!(matches!(
            state.blames()[..],
            [Blame::Callback { waiters: 1, .. }]
        ));
    }

    #[test]
    fn a_removal_waits_for_its_own_process() {
        let other = vec![
            call("core", "remove", 20, 201),
            call("f [m]", "invalidate", 10, 101),
        ];
        let mut own = other.clone();
        own.push(call("g [m]", "start", 10, 202));

        // It may be for the same memory, but that is not certain.
        assert!(state(other).blames().is_empty());
        assert!(matches!(
            state(own).blames()[..],
            [Blame::Callback { callback, waiters: 1, others: 0 }] if callback.tid == 202
        ));
        assert!(matches!(
            state(vec![call("core", "read_begin", 20, 201)]).blames()[..],
            [Blame::Nothing { waiters: 1 }]
        ));
    }

    #[test]
    fn no_task_waits_for_itself() {
        let state = state(vec![
            call("f [m]", "start", 50, 101),
            call("core", "unregister", 20, 101),
        ]);

        assert!(state.blames().is_empty());
    }

    #[test]
    fn a_range_is_shown_if_no_callback_is_known() {
        let mut range = call("core", "range", 20, 201);
        range.range = Some(crate::tables::running::Range {
            event: "UNMAP".into(),
            addresses: (0, 1),
            is_blockable: true,
        });

        assert_eq!(1, state(vec![range.clone()]).callbacks.len());
        let both = state(vec![range, call("f [m]", "start", 19, 201)]);
        assert_eq!(1, both.callbacks.len());
        assert!(both.has_foreign());
        assert!(!state(vec![call("counter 1", "start", 1, 1)]).has_foreign());
    }
}
