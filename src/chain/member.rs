// SPDX-License-Identifier: GPL-2.0

//! One member of a chain, and its open pairs.

use core::pin::Pin;

use kernel::{
    mm::Mm,
    prelude::*,
    sync::Arc, //
};

use super::{
    pairs::{
        Begun,
        Pairs, //
    },
    Ending,
    Subscriber, //
};
use crate::mmu_notifier::{
    CallbackContext,
    Range,
    WouldBlock, //
};

/// A member, whatever the type of its subscriber: see [`Typed`].
pub(super) trait Member: Send + Sync {
    /// Calls the member's start, unless the member was released.
    fn start<'c>(&self, range: &Range, context: CallbackContext<'c>) -> Result<(), WouldBlock<'c>>;

    /// Calls the member's end, if its start for `range` has succeeded and was not ended yet.
    fn end(&self, range: &Range, context: CallbackContext<'_>);

    /// Tells the member that a member of the chain has refused `range`, which is over.
    fn refused(&self, range: &Range);

    /// Releases the member and ends its open pairs, unless it was released before. A start that
    /// runs meanwhile ends its own pair.
    fn close(&self, mm: &Mm);
}

/// A member that is a [`Subscriber`].
#[pin_data]
pub(super) struct Typed<S: Subscriber> {
    subscriber: Pin<KBox<S>>,

    #[pin]
    pairs: Pairs<S::Value>,
}

impl<S: Subscriber> Typed<S> {
    /// Makes a member of `subscriber`, with memory for `reserved` ranges that are open at once. May
    /// sleep.
    pub(super) fn new<E>(subscriber: impl PinInit<S, E>, reserved: usize) -> Result<Arc<Self>>
    where
        Error: From<E>,
    {
        Arc::try_pin_init(
            try_pin_init!(Self {
                // In a box, which gives access to the subscriber as a pinned reference.
                subscriber: KBox::pin_init(subscriber, GFP_KERNEL_ACCOUNT)?,
                pairs <- Pairs::new(reserved),
            }? Error),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Returns its open pairs.
    #[cfg(mnck_kunit)]
    pub(super) fn pairs(&self) -> &Pairs<S::Value> {
        &self.pairs
    }

    /// Returns the subscriber.
    pub(super) fn subscriber(&self) -> Pin<&S> {
        self.subscriber.as_ref()
    }
}

impl<S: Subscriber> Member for Typed<S> {
    fn start<'c>(&self, range: &Range, context: CallbackContext<'c>) -> Result<(), WouldBlock<'c>> {
        // Before the start: once it has succeeded, the range can no longer be refused.
        if self.pairs.begin(range, &context)? == Begun::Closed {
            return Ok(());
        }

        // If the start refuses, its place stays, without a value, until `refused()` is called.
        let value = self.subscriber().start(range, context)?;

        if let Err(value) = self.pairs.started(range, value) {
            // The member was released while the start ran.
            self.subscriber().end(value, Ending::Gone);
        }
        Ok(())
    }

    fn end(&self, range: &Range, mut context: CallbackContext<'_>) {
        if let Some(value) = self.pairs.take(range) {
            self.subscriber()
                .end(value, Ending::Range(range, context.reborrow()));
        }
    }

    fn refused(&self, range: &Range) {
        self.pairs.take_refused(range);
        self.subscriber().refused(range);
    }

    fn close(&self, mm: &Mm) {
        let Some(open) = self.pairs.close() else {
            return;
        };

        self.subscriber().release(mm);
        for value in open {
            self.subscriber().end(value, Ending::Gone);
        }
    }
}
