// SPDX-License-Identifier: GPL-2.0

//! Rule `sequence`: the interval sequence comes back to even after a range that was refused.
//!
//! Core mm tells the interval subscribers of an address space first, and gives them a number that
//! stays the same as long as some range is under way; then come all others. If one of these refuses
//! the range, that is over. Up to Linux 7.3 it is not over for the interval side: the number stays
//! as it is, and who reads or removes an interval subscription waits for ever.
//!
//! A subscriber that is told the same number again knows that one range at least has been under way
//! since it was told it first. That may be in order as long as there is somebody to begin ranges. So
//! it is held against nobody before the address space is released: then it has no user any more, and
//! the reaper and reverse mappings, which need none, would have to have followed each other since
//! the refusal without a gap.
//!
//! What is not seen: that a range was refused which is not the subscriber's, or by somebody who does
//! not say so. And nothing is said before the release, though a reader or a detach may hang by then.
//! There is no way to ask for the number but `mmu_interval_read_begin()`, which itself waits without
//! a limit; and that another subscription, inserted as a probe, is deferred while it is odd tells it
//! for that moment only, and makes it odd if it was not and any range is under way.

use core::ffi::CStr;

#[cfg(not(mnck_host))]
use kernel::prelude::*;

#[cfg(not(mnck_host))]
use super::{
    Registry,
    Rule,
    Watch, //
};
use crate::event::{
    Kind,
    Range, //
};

/// An invalidation that an interval subscriber was told of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Invalidation {
    pub(crate) range: Range,
    /// The number that marks it.
    pub(crate) sequence: usize,
}

/// Who has refused a range: kind and serial number.
pub(crate) type Refuser = (&'static CStr, u64);

/// What one interval subscriber knows of the sequence.
#[derive(Default)]
pub(crate) struct Sequence {
    /// The newest non-blockable range; an older one that was refused, if the sequence has not moved
    /// since.
    last: Option<Invalidation>,
    refused_by: Option<Refuser>,
}

impl Sequence {
    /// The subscriber is told of `now`. Gives the range since which the sequence is stuck, and who
    /// has refused that.
    pub(crate) fn invalidated(&mut self, now: Invalidation) -> Option<(Invalidation, Refuser)> {
        let same = self.last.filter(|last| last.sequence == now.sequence);

        if let (Some(last), Some(refuser)) = (same, self.refused_by) {
            return (now.range.kind == Kind::RELEASE).then_some((last, refuser));
        }
        if !now.range.blockable {
            self.last = Some(now);
        } else if same.is_none() {
            self.last = None;
        }
        self.refused_by = None;
        None
    }

    /// Records that `range`, if it is the newest, was refused by `refuser`.
    pub(crate) fn refuse(&mut self, range: Range, refuser: Refuser) {
        if self.last.is_some_and(|last| last.range == range) {
            self.refused_by.get_or_insert(refuser);
        }
    }
}

#[cfg(not(mnck_host))]
impl Watch {
    /// Records that it is notified of an invalidation of `range`, marked by `sequence`.
    pub(crate) fn invalidated(&self, range: Range, sequence: usize) {
        let stuck = self
            .sequence()
            .lock()
            .invalidated(Invalidation { range, sequence });

        if let Some((since, (kind, serial))) = stuck {
            self.report(
                Rule::Sequence,
                Some(since.range),
                fmt!("sequence is odd since {kind} {serial} refused"),
            );
        }
    }

    /// Records that its start has refused `range`, which is thus over for all subscribers of the mm.
    /// Not for an interval subscriber: the core ends the interval side of what that refuses.
    pub(crate) fn refused(&self, range: Range) {
        let Some(registry) = Registry::get() else {
            return;
        };
        let mut key = 0;

        while let Some(watched) = registry.next_of(self.mm(), key) {
            watched.sequence().lock().refuse(range, self.model());
            key = watched.key();
        }
    }
}
