// SPDX-License-Identifier: GPL-2.0

//! A chain of model subscribers, attached to an address space.

use core::pin::Pin;

use kernel::{mm::Mm, prelude::*};

use super::{
    place::Place,
    statistics::Counting, //
};
use crate::{
    chain::{
        self,
        Chain,
        Ending,
        Membership, //
    },
    ffi::parameters,
    mmu_notifier::{
        CallbackContext,
        Range,
        WouldBlock, //
    }, //
};

/// A chain, with statistics of its own.
pub(super) struct ChainDevice {
    // Dropped first: it releases the account and every other member.
    chain: Chain,
    _account: Membership<Account>,
}

/// The first member of every chain, which counts what the chain is called for. No rule is checked
/// for it.
struct Account(Counting);

impl chain::Subscriber for Account {
    type Value = ();

    fn start<'c>(
        self: Pin<&Self>,
        range: &Range,
        _context: CallbackContext<'c>,
    ) -> Result<(), WouldBlock<'c>> {
        self.0.start_in_chain(range);
        Ok(())
    }

    fn end(self: Pin<&Self>, (): (), ending: Ending<'_>) {
        match ending {
            Ending::Range(..) => self.0.end_in_chain(),
            Ending::Gone => self.0.close_in_chain(),
        }
    }

    fn release(self: Pin<&Self>, _mm: &Mm) {
        self.0.release_in_chain();
    }
}

impl ChainDevice {
    /// Attaches a chain at `place`, which counts in `statistics`. Sleeps.
    ///
    /// # Errors
    ///
    /// As [`Chain::new`] and [`Chain::join`].
    pub(super) fn attach(place: &mut Place<'_>, statistics: Counting) -> Result<Self> {
        let reserved = parameters::chain_slots.value() as usize;
        let chain = Chain::new(place.mm, reserved, place.task)?;

        Ok(Self {
            _account: chain.join(Account(statistics), place.task)?,
            chain,
        })
    }

    /// Returns the chain, for members to join.
    pub(super) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Returns whether the chain has members beside its own account.
    pub(super) fn has_members(&self) -> bool {
        self.chain.len() > 1
    }
}
