// SPDX-License-Identifier: GPL-2.0

//! The trait of a chain's members.

use core::pin::Pin;

use kernel::mm::Mm;

use crate::mmu_notifier::{
    CallbackContext,
    Range,
    WouldBlock, //
};

/// A subscriber that may refuse a non-blockable range, and that has an end for each range that it
/// has not refused.
///
/// Each start that succeeds is followed by exactly one end, which gets the value that the start has
/// returned. A start that refuses is followed by no end. Ranges nest in one task and overlap
/// between tasks, and each range has a value of its own.
///
/// Context of start and end: as for [`Paired`](crate::mmu_notifier::Paired). The same limits hold
/// as for callbacks there: they must not panic, allocate with direct reclaim, join or leave a
/// chain, register or unregister a subscriber, or drop the last user of an mm.
pub(crate) trait Subscriber: Sized + Send + Sync + 'static {
    /// The value that a start returns for its end.
    type Value: Send + 'static;

    /// Drops the translations of `range`, which are about to change, and makes no new ones until
    /// the end.
    ///
    /// A start that refuses must undo all that it has done, because no end follows.
    fn start<'c>(
        self: Pin<&Self>,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<Self::Value, WouldBlock<'c>>;

    /// Allows new translations for the range of the start that has returned `value`.
    fn end(self: Pin<&Self>, value: Self::Value, ending: Ending<'_>);

    /// Called in the context of `range` when a member of the chain has refused it, after the ends of
    /// the members that had started before. A start of `range` that has no end yet gets none. For
    /// subscribers that check this.
    fn refused(self: Pin<&Self>, _range: &Range) {}

    /// Drops all translations and makes no new ones, because the address space goes or this
    /// subscriber leaves the chain. Called once: by the exit of the address space, by the drop of
    /// the [`Membership`](super::Membership), or by the drop of the [`Chain`](super::Chain).
    ///
    /// Starts that run at the same time may return later; no further start is called. After this,
    /// the end of each open range is called with [`Ending::Gone`].
    fn release(self: Pin<&Self>, _mm: &Mm) {}
}

/// Why a pair ends.
pub(crate) enum Ending<'a> {
    /// The translations of the range have changed; or they have not, because another subscriber has
    /// refused the range. Called in the task of the start.
    Range(&'a Range, CallbackContext<'a>),

    /// The subscriber leaves the chain, or the address space goes, before the range is over.
    ///
    /// Called in any task, even within a callback of a non-blockable range, so the end must not
    /// sleep.
    Gone,
}
