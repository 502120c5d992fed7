// SPDX-License-Identifier: GPL-2.0

//! A subscriber that counts the invalidations under way, as KVM does.
//!
//! KVM makes no new translation while its count is above zero, so a start without an end stops the
//! guest for ever. It takes spin locks only and never refuses: `kvm_mmu_notifier_ops` in
//! `virt/kvm/kvm_main.c`.

use core::pin::Pin;

use kernel::{
    mm::Mm,
    prelude::*,
    sync::Arc, //
};

use super::{
    chained::Opened,
    Statistics, //
};
use crate::{
    chain::{
        self,
        Ending, //
    },
    check::Callback,
    mmu_notifier::{
        CallbackContext,
        Paired,
        Range,
        Subscriber,
        WouldBlock, //
    },
};

/// See the module's documentation.
pub(super) struct Counter {
    statistics: Arc<Statistics>,
}

impl Counter {
    /// A counter that counts in `statistics`.
    pub(super) fn new(statistics: Arc<Statistics>) -> Self {
        Self { statistics }
    }
}

#[vtable]
impl Subscriber for Counter {
    fn release(self: Pin<&Self>, _mm: &Mm) {
        let _scope = self.statistics.enter(Callback::Release, None);

        self.statistics.release();
    }
}

impl Paired for Counter {
    fn start(self: Pin<&Self>, range: &Range, _context: CallbackContext<'_>) {
        let _scope = self.statistics.enter(Callback::Start, Some(range));

        self.statistics.open(range);
    }

    fn end(self: Pin<&Self>, range: &Range, _context: CallbackContext<'_>) {
        let _scope = self.statistics.enter(Callback::End, Some(range));

        self.statistics.end(range);
    }
}

impl chain::Subscriber for Counter {
    type Value = Opened;

    /// As [`Paired::start`]: it refuses nothing.
    fn start<'c>(
        self: Pin<&Self>,
        range: &Range,
        _context: CallbackContext<'c>,
    ) -> Result<Opened, WouldBlock<'c>> {
        let _scope = self.statistics.enter(Callback::ChainStart, Some(range));

        Ok(Opened::new(range, &self.statistics))
    }

    fn end(self: Pin<&Self>, opened: Opened, ending: Ending<'_>) {
        let _scope = self.statistics.enter(Callback::ChainEnd, ending.range());

        opened.end(ending, &self.statistics);
    }

    fn over(self: Pin<&Self>, range: &Range) {
        self.statistics.watch().range_over(range);
    }

    fn release(self: Pin<&Self>, _mm: &Mm) {
        self.statistics.release_in_chain();
    }
}
