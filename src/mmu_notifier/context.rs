// SPDX-License-Identifier: GPL-2.0

//! What a callback may do: sleep, or refuse.

use core::marker::PhantomData;

use kernel::types::NotThreadSafe;

#[cfg(all(CONFIG_DEBUG_ATOMIC_SLEEP, not(CONFIG_PREEMPT_RT)))]
use crate::ffi;

/// Ties a token to one call of a callback, so that it can be used in no other.
pub(super) type Brand<'c> = PhantomData<fn(&'c ()) -> &'c ()>;

/// The right to sleep, in the callback of a blockable range.
///
/// It is no right to allocate with direct reclaim (`GFP_KERNEL`), since reclaim itself invalidates
/// ranges, nor to register or unregister a subscriber: these take a
/// [`TaskContext`](super::TaskContext).
pub struct MaySleep<'c>(NotThreadSafe, Brand<'c>);

/// The duty not to sleep, and in the callback of a non-blockable range the right to refuse.
pub struct NoSleep<'c>(NotThreadSafe, Brand<'c>);

impl<'c> NoSleep<'c> {
    /// What the callback of a non-blockable range returns if it would have to sleep: `-EAGAIN` of a
    /// [`Fallible`](super::Fallible) start, `false` of an [`Interval`](super::Interval).
    #[inline]
    pub fn would_block(&self) -> WouldBlock<'c> {
        WouldBlock(PhantomData)
    }
}

impl NoSleep<'_> {
    /// Calls `callback`, a flush or a young callback.
    ///
    /// It does not run within `non_block_start()` and `non_block_end()`, because the core has none
    /// there. The core mostly calls it under the lock of a page table, where the kernel complains
    /// anyway if it sleeps; on a `PREEMPT_RT` kernel see [`non_block_start`].
    ///
    /// Only a trampoline may call this.
    #[inline]
    pub(super) fn enter<R>(callback: impl for<'c> FnOnce(NoSleep<'c>) -> R) -> R {
        callback(NoSleep(NotThreadSafe, PhantomData))
    }
}

/// Makes the kernel complain if the current task sleeps before the next [`non_block_end`].
///
/// Without CONFIG_DEBUG_ATOMIC_SLEEP this is nothing, as in C. On a `PREEMPT_RT` kernel it is
/// nothing either: there each `spin_lock()` may wait, so the kernel would complain of a correct
/// callback that takes one, even a free one (`rtlock_might_resched()`).
#[inline]
fn non_block_start() {
    #[cfg(all(CONFIG_DEBUG_ATOMIC_SLEEP, not(CONFIG_PREEMPT_RT)))]
    // SAFETY: The callers below call `non_block_end()`; a panic in between does not unwind.
    unsafe {
        ffi::mnck_helper_non_block_start()
    };
}

/// See [`non_block_start`].
#[inline]
fn non_block_end() {
    #[cfg(all(CONFIG_DEBUG_ATOMIC_SLEEP, not(CONFIG_PREEMPT_RT)))]
    // SAFETY: The callers below have called `non_block_start()`, in this task.
    unsafe {
        ffi::mnck_helper_non_block_end()
    };
}

/// The refusal of a non-blockable range.
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

impl<'c> CallbackContext<'c> {
    /// The same context, for somebody that the callback calls and that cannot refuse.
    #[inline]
    pub fn reborrow(&mut self) -> CallbackContext<'_> {
        match self {
            Self::Blockable(_) => CallbackContext::Blockable(MaySleep(NotThreadSafe, PhantomData)),
            Self::NonBlockable(_) => {
                CallbackContext::NonBlockable(NoSleep(NotThreadSafe, PhantomData))
            }
        }
    }

    /// Calls `somebody` on behalf of the callback, with a context of their own: what they refuse,
    /// the callback may refuse.
    #[inline]
    pub fn delegate<R>(
        &mut self,
        somebody: impl for<'d> FnOnce(CallbackContext<'d>) -> Result<R, WouldBlock<'d>>,
    ) -> Result<R, WouldBlock<'c>> {
        // They can refuse with nothing but what they were given, so only where the callback can.
        somebody(self.reborrow()).map_err(|WouldBlock(_)| WouldBlock(PhantomData))
    }
}

impl CallbackContext<'_> {
    /// Calls `callback` with the context of a range that is `blockable`, or is not.
    ///
    /// In the latter case this is between [`non_block_start`] and [`non_block_end`]. The core does
    /// that too, but not around the ends that undo a refused start, and not around the callbacks of
    /// an interval.
    ///
    /// Only a trampoline may call this.
    #[inline]
    pub(super) fn enter<R>(
        blockable: bool,
        callback: impl for<'c> FnOnce(CallbackContext<'c>) -> R,
    ) -> R {
        // One call, not one in each branch: `callback` is to be inlined, once.
        let context = if blockable {
            CallbackContext::Blockable(MaySleep(NotThreadSafe, PhantomData))
        } else {
            non_block_start();
            CallbackContext::NonBlockable(NoSleep(NotThreadSafe, PhantomData))
        };
        let result = callback(context);

        if !blockable {
            non_block_end();
        }
        result
    }
}
