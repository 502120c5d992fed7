// SPDX-License-Identifier: GPL-2.0

//! What the chain knows of each that has joined it.

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

/// One that has joined, of whatever type: a [`Typed`].
pub(super) trait Member: Send + Sync {
    /// Its start, if it was not released.
    fn start<'c>(&self, range: &Range, context: CallbackContext<'c>) -> Result<(), WouldBlock<'c>>;

    /// Its end, if its start for `range` has succeeded and was not ended yet.
    fn end(&self, range: &Range, context: CallbackContext<'_>);

    /// Its end, or that of what it has refused: see [`Policy::All`](super::Policy::All).
    fn end_in_any_case(&self, range: &Range, context: CallbackContext<'_>);

    /// No end for `range`, though its start may have succeeded: see
    /// [`Policy::Skip`](super::Policy::Skip).
    fn forget(&self, range: &Range);

    /// `range` was refused, and is over.
    fn over(&self, range: &Range);

    /// Its release, and the ends of all that is open, unless it was released before. Starts that run
    /// end what they have started themselves.
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
    /// Makes the subscriber, and memory for `reserved` ranges that are open at once. May sleep.
    pub(super) fn new<E>(subscriber: impl PinInit<S, E>, reserved: usize) -> Result<Arc<Self>>
    where
        Error: From<E>,
    {
        Arc::try_pin_init(
            try_pin_init!(Self {
                // In a box, which gives it out pinned.
                subscriber: KBox::pin_init(subscriber, GFP_KERNEL)?,
                pairs <- Pairs::new(reserved),
            }? Error),
            GFP_KERNEL,
        )
    }

    /// The subscriber.
    pub(super) fn subscriber(&self) -> Pin<&S> {
        self.subscriber.as_ref()
    }
}

impl<S: Subscriber> Member for Typed<S> {
    fn start<'c>(&self, range: &Range, context: CallbackContext<'c>) -> Result<(), WouldBlock<'c>> {
        // The place first: once the start has succeeded there is no way back.
        if self.pairs.begin(range, &context)? == Begun::Closed {
            return Ok(());
        }

        // Who refuses keeps the place until the range is over, which shows that.
        let value = self.subscriber().start(range, context)?;

        if let Err(value) = self.pairs.started(range, value) {
            // Released while it ran.
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

    fn end_in_any_case(&self, range: &Range, context: CallbackContext<'_>) {
        if self.pairs.take_refused(range) {
            self.subscriber().end_without_start(range, context);
        } else {
            self.end(range, context);
        }
    }

    fn forget(&self, range: &Range) {
        self.pairs.take(range);
    }

    fn over(&self, range: &Range) {
        self.pairs.take_refused(range);
        self.subscriber().over(range);
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
