// SPDX-License-Identifier: GPL-2.0

//! A subscriber that counts the invalidations under way, as KVM does.
//!
//! KVM makes no new translations while its count is above zero, so a start without an end stops the
//! guest for ever. KVM takes only spin locks and never refuses: `kvm_mmu_notifier_ops` in
//! `virt/kvm/kvm_main.c`.

use core::pin::Pin;

use kernel::{mm::Mm, prelude::*};

use super::{
    chain_member::CountingMember,
    statistics::{
        fact,
        Counting,
        Statistics, //
    }, //
};
use crate::{
    event::Callback,
    mmu_notifier::{
        CallbackContext,
        Paired,
        Range,
        Subscriber,
        WouldBlock, //
    },
};

/// The subscriber: see the module's documentation.
pub(super) struct Counter {
    pub(super) statistics: Counting,
}

impl Counter {
    /// Makes a counter that counts in `statistics`.
    pub(super) fn new(statistics: Counting) -> Self {
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
        let mut scope = self.statistics.enter(Callback::Start, Some(range));

        self.statistics.open(range, &mut scope);
    }

    fn end(self: Pin<&Self>, range: &Range, _context: CallbackContext<'_>) {
        let _scope = self.statistics.enter_end(Callback::End, fact(range));

        self.statistics.end();
    }
}

impl CountingMember for Counter {
    type Guard<'a> = ();

    fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Refuses nothing.
    fn admit<'a, 'c>(
        &'a self,
        _range: &Range,
        _context: CallbackContext<'c>,
    ) -> Result<(), WouldBlock<'c>> {
        Ok(())
    }
}
