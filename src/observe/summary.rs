// SPDX-License-Identifier: GPL-2.0

//! What the follower of some processes is told of all callbacks.

use super::{
    counts::FollowedCounts,
    watching::State, //
};
use crate::check::{
    Name,
    Registry, //
};

/// A callback that is observed.
pub(crate) struct Callback {
    /// Its place among all callbacks.
    pub(crate) key: u64,
    pub(crate) function: Name,
    pub(crate) callback: &'static str,
    pub(crate) counts: FollowedCounts,
    /// The calls of the callbacks of its driver, for any process, that were not seen.
    pub(crate) missed: usize,
}

/// What was not seen so far.
#[derive(Clone, Copy, Default)]
pub(crate) struct Unseen {
    /// Whether subscriptions from before the observation are not observed.
    pub(crate) has_earlier: bool,
    /// Whether the core's ranges are not judged any more.
    pub(crate) has_core: bool,
    /// The calls that the kernel did not report, and those that had no place in the ledger.
    pub(crate) calls: u64,
    /// The ends of ranges whose start was not seen.
    pub(crate) ends: u64,
    /// The refusals and the reads for which rule `sequence` is not judged.
    pub(crate) sequences: u64,
    /// The registrations of drivers that are not probed.
    pub(crate) drivers: u64,
    /// The ranges that began while a driver was not probed yet.
    pub(crate) late: u64,
    /// The violations and registrations that were not reported or not found, since there were too many.
    pub(crate) findings: u64,
}

/// Sets the counts for the follower with this number to 0. Sleeps.
pub(crate) fn clear_counts(number: usize) {
    State::with(|observed| {
        for function in observed.functions_of_drivers() {
            function.counts().clear(number);
        }
    });
}

/// Returns the next callback after that with this `key`, and the counts for a follower. The first comes
/// after 0. Sleeps.
pub(crate) fn callback_after(key: u64, follower: usize) -> Option<Callback> {
    State::with(|observed| {
        let (probe, _, function) = observed.next_function(key)?;

        Some(Callback {
            key: function.watch().key(),
            function: function.watch().name().clone(),
            callback: function.callback().name(),
            counts: function.counts().followed(follower),
            missed: probe.missed(),
        })
    })
    .flatten()
}

impl Unseen {
    /// Returns what was not seen so far. Sleeps.
    pub(crate) fn now() -> Self {
        let registry = Registry::get();

        State::with(|observed| {
            let core = observed.core_mm();
            let lost = registry
                .as_ref()
                .map_or(0, |registry| registry.calls().lost());
            let dropped = registry.as_ref().map_or(0, |registry| {
                registry.dropped().saturating_add(registry.dropped_slow())
            });

            Self {
                has_earlier: !observed.knows_all(),
                has_core: !core.watch().is_judged(),
                calls: (observed.missed() as u64).saturating_add(lost),
                ends: core.unseen(),
                sequences: core.uncompared().saturating_add(core.unread()),
                drivers: observed.tables().lost(),
                late: core.late(),
                findings: dropped
                    .saturating_add(core.registrations().dropped())
                    .saturating_add(core.unkept()),
            }
        })
        .unwrap_or_default()
    }

    /// Returns what was not seen since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            has_earlier: self.has_earlier,
            has_core: self.has_core,
            calls: self.calls.saturating_sub(before.calls),
            ends: self.ends.saturating_sub(before.ends),
            sequences: self.sequences.saturating_sub(before.sequences),
            drivers: self.drivers.saturating_sub(before.drivers),
            late: self.late.saturating_sub(before.late),
            findings: self.findings.saturating_sub(before.findings),
        }
    }
}
