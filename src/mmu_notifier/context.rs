// SPDX-License-Identifier: GPL-2.0

//! What a callback may do: sleep, or refuse.

use core::marker::PhantomData;

use kernel::types::NotThreadSafe;

use super::Range;
use crate::ffi;

/// Ties a token to one call of a callback, so that it can be used in no other.
type Brand<'c> = PhantomData<fn(&'c ()) -> &'c ()>;

/// The right to sleep, in the callback of a blockable range.
///
/// It is no right to allocate with direct reclaim (`GFP_KERNEL`), since reclaim itself invalidates
/// ranges, nor to register or unregister a subscriber.
pub struct MaySleep<'c>(NotThreadSafe, Brand<'c>);

/// The duty not to sleep, in the callback of a non-blockable range, and the right to refuse.
pub struct NoSleep<'c>(NotThreadSafe, Brand<'c>);

impl<'c> NoSleep<'c> {
    /// What a [`Fallible`](super::Fallible) start returns if it would have to sleep: `-EAGAIN`.
    pub fn would_block(&self) -> WouldBlock<'c> {
        WouldBlock(PhantomData)
    }
}

/// The refusal of a non-blockable range: `-EAGAIN`.
///
/// Comes from [`NoSleep::would_block`] alone, so that a blockable range cannot be refused and no
/// other error be returned.
#[must_use = "a refusal has effect only if the callback returns it"]
pub struct WouldBlock<'c>(Brand<'c>);

/// Which of the two kinds of range a callback is called for.
pub enum CallbackContext<'c> {
    /// The callback may sleep.
    Blockable(MaySleep<'c>),
    /// The callback must not sleep.
    NonBlockable(NoSleep<'c>),
}

impl CallbackContext<'_> {
    /// Calls `callback` with the context that `range` asks for.
    ///
    /// For a non-blockable range this is within `non_block_start()` and `non_block_end()`. The core
    /// does that too, but not around the ends that undo a start which was refused.
    ///
    /// Only a trampoline called for `range` may call this.
    pub(super) fn enter<R>(
        range: &Range,
        callback: impl for<'c> FnOnce(CallbackContext<'c>) -> R,
    ) -> R {
        if range.is_blockable() {
            callback(CallbackContext::Blockable(MaySleep(
                NotThreadSafe,
                PhantomData,
            )))
        } else {
            // SAFETY: The end is below; a panic in `callback` does not unwind.
            unsafe { ffi::mnck_helper_non_block_start() };
            let result = callback(CallbackContext::NonBlockable(NoSleep(
                NotThreadSafe,
                PhantomData,
            )));
            // SAFETY: The start is above, in this task.
            unsafe { ffi::mnck_helper_non_block_end() };
            result
        }
    }
}
