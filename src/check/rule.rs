// SPDX-License-Identifier: GPL-2.0

//! The rules, by name.

/// A rule of the notifier discipline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Each start that did not fail gets exactly one end: same task, same range, same event.
    Pairing,
    /// A start fails only with `-EAGAIN`, and only if the range is non-blockable.
    Failure,
    /// A start that may fail has no end.
    FailingEnd,
    /// Nothing sleeps in a callback that must not.
    NonBlock,
    /// Locks are taken in one order, over all callbacks of a kind. Lockdep reports: see
    /// [`LockMap`](crate::ffi::LockMap).
    LockOrder,
    /// Nothing is allocated with direct reclaim in a callback. Lockdep reports, by the core's map.
    Reclaim,
    /// The sequence of an interval comes back to even.
    Sequence,
    /// Nothing is called once the subscription is over.
    Release,
    /// No callback runs after the module has gone.
    Lifetime,
    /// No callback takes longer than the user allows.
    Latency,
    /// Each callback returns.
    Stall,
    /// A finish structure is left only by a first pass that did not refuse.
    Finish,
    /// A range is not empty, has whole pages, and is the same at its start and at its end.
    Range,
}

impl Rule {
    /// All of them, each at the index that it has as a number.
    pub(crate) const ALL: [Self; 13] = [
        Self::Pairing,
        Self::Failure,
        Self::FailingEnd,
        Self::NonBlock,
        Self::LockOrder,
        Self::Reclaim,
        Self::Sequence,
        Self::Release,
        Self::Lifetime,
        Self::Latency,
        Self::Stall,
        Self::Finish,
        Self::Range,
    ];

    /// Its name, as reports have it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pairing => "pairing",
            Self::Failure => "failure",
            Self::FailingEnd => "failing-end",
            Self::NonBlock => "non-block",
            Self::LockOrder => "lock-order",
            Self::Reclaim => "reclaim",
            Self::Sequence => "sequence",
            Self::Release => "release",
            Self::Lifetime => "lifetime",
            Self::Latency => "latency",
            Self::Stall => "stall",
            Self::Finish => "finish",
            Self::Range => "range",
        }
    }
}
