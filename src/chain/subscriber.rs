// SPDX-License-Identifier: GPL-2.0

//! Who may join a chain.

use core::pin::Pin;

use kernel::mm::Mm;

use crate::mmu_notifier::{
    CallbackContext,
    Range,
    WouldBlock, //
};

/// A subscriber that may refuse a non-blockable range, and that is told when a range it has not
/// refused is over.
///
/// Each start that succeeds is followed by exactly one end, which gets what the start has returned;
/// a start that refuses by none. Ranges nest in one task and overlap between tasks, and each has a
/// value of its own.
///
/// Context of both: as for [`Paired`](crate::mmu_notifier::Paired). What is true of callbacks there
/// is true here: they must not panic, allocate with direct reclaim, join or leave a chain, register
/// or unregister a subscriber, or drop the last user of an mm.
pub(crate) trait Subscriber: Sized + Send + Sync + 'static {
    /// What a start leaves for its end. Dropped without an end by the policy
    /// [`Skip`](super::Policy::Skip) alone, and then in any context: its drop must not sleep.
    type Value: Send + 'static;

    /// The translations of `range` are about to change: drop those you have, and make no new ones
    /// until the end.
    ///
    /// After a refusal nothing must be left of this call: there is no end.
    fn start<'c>(
        self: Pin<&Self>,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<Self::Value, WouldBlock<'c>>;

    /// What the start that has returned `value` said of its range is over.
    fn end(self: Pin<&Self>, value: Self::Value, ending: Ending<'_>);

    /// The end of a range that this subscriber has refused. Comes under the policy
    /// [`All`](super::Policy::All) alone, which ends everybody. Same context.
    ///
    /// It is for a driver in C, whose end can be called so. Others need nothing here: there is no
    /// value that their end could take.
    fn end_without_start(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {}

    /// `range` was refused, and whoever is to be ended for it has been, by the chain's
    /// [`Policy`](super::Policy): a start of it that has no end by now gets none. For who checks
    /// that. Same context.
    fn over(self: Pin<&Self>, _range: &Range) {}

    /// The address space goes, or this subscriber leaves it: drop all translations, and make no new
    /// ones. Comes once, from the exit, from who leaves or from who drops the chain.
    ///
    /// Starts that run meanwhile may return later; no other is called any more. Then come the ends
    /// of what is open, each as [`Ending::Gone`].
    fn release(self: Pin<&Self>, _mm: &Mm) {}
}

/// Why a pair ends.
pub(crate) enum Ending<'a> {
    /// The translations of the range have changed; or they have not, since somebody else has
    /// refused. Called in the task of the start.
    Range(&'a Range, CallbackContext<'a>),

    /// The subscriber leaves, or the address space goes, before the range is over.
    ///
    /// Called in any task, also within a callback of a non-blockable range: it must not sleep.
    Gone,
}

impl Ending<'_> {
    /// The range, if it is over.
    pub(crate) fn range(&self) -> Option<&Range> {
        match self {
            Self::Range(range, _) => Some(range),
            Self::Gone => None,
        }
    }
}
