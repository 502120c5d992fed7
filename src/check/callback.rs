// SPDX-License-Identifier: GPL-2.0

//! The rules for one call of a callback of a driver, whose return was observed.

use super::Rule;
use crate::event::{
    platform::fmt,
    Call,
    Callback,
    Kind, //
};

/// How a callback has returned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Returned {
    /// What it has returned: the code of a start; 0 or 1 from an interval callback.
    pub(crate) result: i64,
    /// How often the task has slept in it.
    pub(crate) sleeps: u64,
    /// Whether the task has called `schedule()` in it. Only known while there are probes, as the next
    /// two.
    pub(crate) scheduled: bool,
    /// Where the task took a lock first for which it would have slept, or 0.
    pub(crate) locked_in: u64,
    /// Where the task allocated memory with direct reclaim first, or 0.
    pub(crate) allocated_in: u64,
    /// How long it has taken, in ms.
    pub(crate) taken_ms: u64,
    /// Whether the subscription of a start also has an end.
    pub(crate) has_end: bool,
    /// Whether an interval callback had to set the sequence and did not.
    pub(crate) sequence_missing: bool,
    /// Whether a first pass has left a finish structure.
    pub(crate) left_finish: bool,
}

/// What was found out about a callback, or about the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// A start failed with this code.
    Failed(i64),
    /// A start failed with this code for a blockable range.
    FailedBlockable(i64),
    /// An interval callback returned false for a blockable range.
    RefusedBlockable,
    /// A start failed, and the subscription has an end.
    RefusedWithEnd,
    /// A callback slept so many times.
    Slept(u64),
    /// A callback took a lock here that it might have slept for.
    MightSleep(u64),
    /// A callback called `schedule()`.
    Scheduled,
    /// A callback allocated memory here with direct reclaim.
    Allocated(u64),
    /// A callback took so long, in ms.
    Took(u64),
    /// A callback took so long, in ns, which breaks no rule, but a user wants to know.
    Slow(u64),
    /// An interval callback did not set the sequence.
    SequenceNotSet,
    /// The sequence is odd for ever, since the subscriber with this key refused.
    SequenceStuck(u64),
    /// A first pass refused, but left a finish structure.
    FinishLeft,
    /// A range has no end.
    NotEnded,
    /// A range is empty, or not of whole pages.
    BadRange,
    /// A range had other bounds, another event or another mode at its start.
    Changed,
    /// The driver with this callback has removed an interval whose insert had failed.
    NotInserted(u64),
    /// The driver with this callback has not ended a subscription at an address that is registered.
    NotEndedBefore(u64),
}

impl Finding {
    /// Returns the rule that is broken.
    pub(crate) const fn rule(self) -> Rule {
        match self {
            Self::Failed(_) | Self::FailedBlockable(_) | Self::RefusedBlockable => Rule::Failure,
            Self::RefusedWithEnd => Rule::FailingEnd,
            Self::Slept(_) | Self::MightSleep(_) | Self::Scheduled => Rule::NonBlock,
            Self::Allocated(_) => Rule::Reclaim,
            Self::Took(_) | Self::Slow(_) => Rule::Latency,
            Self::SequenceNotSet | Self::SequenceStuck(_) => Rule::Sequence,
            Self::FinishLeft => Rule::Finish,
            Self::NotEnded => Rule::Pairing,
            Self::BadRange | Self::Changed => Rule::Range,
            Self::NotInserted(_) | Self::NotEndedBefore(_) => Rule::Lifetime,
        }
    }

    /// Returns whether the rule is broken.
    pub(crate) const fn breaks_rule(self) -> bool {
        !matches!(self, Self::Slow(_))
    }

    /// Returns how long the callback took, in ns, if that was found.
    pub(crate) const fn took_ns(self) -> Option<u64> {
        match self {
            Self::Took(ms) => Some(ms.saturating_mul(1_000_000)),
            Self::Slow(ns) => Some(ns),
            _ => None,
        }
    }

    /// Returns the function in which that was, if it is known.
    pub(crate) const fn function(self) -> Option<u64> {
        match self {
            Self::MightSleep(function) | Self::Allocated(function) => Some(function),
            _ => None,
        }
    }

    /// Returns the finding as two numbers.
    pub(crate) const fn to_words(self) -> [u64; 2] {
        match self {
            Self::Failed(code) => [1, code as u64],
            Self::FailedBlockable(code) => [2, code as u64],
            Self::RefusedBlockable => [3, 0],
            Self::RefusedWithEnd => [4, 0],
            Self::Slept(times) => [5, times],
            Self::Took(ms) => [6, ms],
            Self::SequenceNotSet => [7, 0],
            Self::SequenceStuck(refuser) => [8, refuser],
            Self::FinishLeft => [9, 0],
            Self::NotEnded => [10, 0],
            Self::BadRange => [11, 0],
            Self::Changed => [12, 0],
            Self::MightSleep(function) => [13, function],
            Self::Scheduled => [14, 0],
            Self::Allocated(function) => [15, function],
            Self::Slow(ns) => [16, ns],
            Self::NotInserted(callback) => [17, callback],
            Self::NotEndedBefore(callback) => [18, callback],
        }
    }

    /// Returns the finding with these numbers.
    pub(crate) const fn from_words(words: [u64; 2]) -> Option<Self> {
        let [code, value] = words;

        Some(match code {
            1 => Self::Failed(value as i64),
            2 => Self::FailedBlockable(value as i64),
            3 => Self::RefusedBlockable,
            4 => Self::RefusedWithEnd,
            5 => Self::Slept(value),
            6 => Self::Took(value),
            7 => Self::SequenceNotSet,
            8 => Self::SequenceStuck(value),
            9 => Self::FinishLeft,
            10 => Self::NotEnded,
            11 => Self::BadRange,
            12 => Self::Changed,
            13 => Self::MightSleep(value),
            14 => Self::Scheduled,
            15 => Self::Allocated(value),
            16 => Self::Slow(value),
            17 => Self::NotInserted(value),
            18 => Self::NotEndedBefore(value),
            _ => return None,
        })
    }
}

/// As reports have it, behind the name of the callback.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(code) => write!(f, "failed with {code}"),
            Self::FailedBlockable(code) => write!(f, "failed with {code} for a blockable range"),
            Self::RefusedBlockable => f.write_str("returned false for a blockable range"),
            Self::RefusedWithEnd => f.write_str("refused, but the subscriber has an end"),
            Self::Slept(1) => f.write_str("slept 1 time"),
            Self::Slept(times) => write!(f, "slept {times} times"),
            Self::MightSleep(_) => f.write_str("might have slept for a lock"),
            Self::Scheduled => f.write_str("called schedule() but did not sleep"),
            Self::Allocated(_) => f.write_str("allocates with direct reclaim"),
            Self::Took(ms) => write!(f, "took {ms} ms"),
            Self::Slow(ns) => write!(f, "took {} us", ns / 1000),
            Self::SequenceNotSet => f.write_str("did not set the sequence"),
            Self::SequenceStuck(_) => f.write_str("left the sequence odd"),
            Self::FinishLeft => f.write_str("refused, but left a finish structure"),
            Self::NotEnded => f.write_str("without an end"),
            Self::BadRange => f.write_str("is empty or not page-aligned"),
            Self::Changed => f.write_str("differs from the start"),
            Self::NotInserted(_) => f.write_str("removed an interval that was not inserted"),
            Self::NotEndedBefore(_) => f.write_str("registered again, but was not unregistered"),
        }
    }
}

/// `-EAGAIN`.
const REFUSED: i64 = -11;

/// Judges `call`, which has `returned`. A callback may take `limit_ms`, 0 is no limit. Calls `found`
/// for each rule that is broken.
pub(crate) fn judge(
    call: &Call,
    returned: &Returned,
    limit_ms: u32,
    mut found: impl FnMut(Finding),
) {
    let blockable = call.range.is_none_or(|range| range.blockable);
    let code = returned.result;

    match call.callback() {
        Some(Callback::Start) if code != 0 => {
            if blockable {
                found(Finding::FailedBlockable(code));
            } else if code != REFUSED {
                found(Finding::Failed(code));
            }
            if returned.has_end {
                found(Finding::RefusedWithEnd);
            }
        }
        Some(Callback::Invalidate) if code == 0 => {
            if blockable {
                found(Finding::RefusedBlockable);
            }
            if returned.left_finish {
                found(Finding::FinishLeft);
            }
        }
        Some(Callback::Invalidate) => {
            // After the release no task can read the interval.
            let is_release = call.range.is_some_and(|range| range.kind == Kind::RELEASE);

            if returned.sequence_missing && !is_release {
                found(Finding::SequenceNotSet);
            }
        }
        _ => (),
    }
    if !call.may_sleep() {
        if returned.sleeps != 0 {
            found(Finding::Slept(returned.sleeps));
        } else if returned.locked_in != 0 {
            found(Finding::MightSleep(returned.locked_in));
        } else if returned.scheduled {
            found(Finding::Scheduled);
        }
    }
    // Reclaim itself calls all callbacks but the release.
    if returned.allocated_in != 0 && call.callback() != Some(Callback::Release) {
        found(Finding::Allocated(returned.allocated_in));
    }
    if limit_ms != 0 && returned.taken_ms > u64::from(limit_ms) {
        found(Finding::Took(returned.taken_ms));
    }
}
