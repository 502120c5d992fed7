// SPDX-License-Identifier: GPL-2.0

//! Subscribers that see the start and the end of each invalidation.

use core::{
    marker::PhantomData,
    pin::Pin, //
};

use kernel::{
    bindings,
    ffi::c_int, //
};

use super::{
    subscriber::{
        common_ops,
        subscriber, //
    },
    CallbackContext,
    Flavour,
    Range,
    Subscriber, //
};

/// A subscriber with a start and an end, neither of which can fail.
///
/// Each start that is called is followed by one end for the same range, in the same task, unless
/// the subscriber is unregistered or released in between. Ranges nest in one task and overlap
/// between tasks, so what a start does must be undone by count, not by flag.
///
/// Context of both callbacks: task context, of any task; core mm holds the mmap lock, the lock of a
/// VMA or the locks of a reverse mapping, and a read side of the notifiers' SRCU. They run at the
/// same time on many CPUs. They must not panic, register or unregister a subscriber, or drop the
/// last user of an mm.
///
/// # Examples
///
/// A guest maps no page while an invalidation is under way, and none that one has overtaken:
///
/// ```
/// use core::pin::Pin;
/// use kernel::{prelude::*, sync::SpinLock};
/// use mnck::mmu_notifier::{CallbackContext, Paired, Range, Subscriber};
///
/// #[derive(Default)]
/// struct Invalidations {
///     /// How many are under way.
///     open: usize,
///     /// How many have ended.
///     ended: usize,
/// }
///
/// #[pin_data]
/// struct Guest {
///     #[pin]
///     invalidations: SpinLock<Invalidations>,
/// }
///
/// impl Guest {
///     /// To be called before a page is looked up.
///     fn ended(&self) -> usize {
///         self.invalidations.lock().ended
///     }
///
///     /// Maps a page, unless it may be stale, as it was looked up when `ended` had ended.
///     fn map(&self, ended: usize, map: impl FnOnce()) -> Result {
///         let invalidations = self.invalidations.lock();
///
///         if invalidations.open != 0 || invalidations.ended != ended {
///             return Err(EAGAIN);
///         }
///         map();
///         Ok(())
///     }
/// }
///
/// #[vtable]
/// impl Subscriber for Guest {}
///
/// impl Paired for Guest {
///     fn start(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {
///         self.invalidations.lock().open += 1;
///         // Unmap what the guest has of the range.
///     }
///
///     fn end(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {
///         let mut invalidations = self.invalidations.lock();
///
///         invalidations.ended = invalidations.ended.wrapping_add(1);
///         invalidations.open -= 1;
///     }
/// }
/// ```
pub trait Paired: Subscriber {
    /// The translations of `range` are about to change: drop those you have, make no new ones until
    /// the end. `invalidate_range_start` of `struct mmu_notifier_ops`.
    fn start(self: Pin<&Self>, range: &Range, context: CallbackContext<'_>);

    /// The translations of `range` have changed. `invalidate_range_end`.
    ///
    /// Comes also when the invalidation did not take place because a [`Fallible`](super::Fallible)
    /// subscriber refused.
    fn end(self: Pin<&Self>, range: &Range, context: CallbackContext<'_>);
}

/// The flavour of a [`Paired`] subscriber.
pub struct StartEnd<T>(PhantomData<fn() -> T>);

// SAFETY: The table has both a start, which never fails, and an end, and no secondary-TLB callback.
unsafe impl<T: Paired> Flavour for StartEnd<T> {
    type Subscriber = T;

    const OPS: bindings::mmu_notifier_ops = bindings::mmu_notifier_ops {
        invalidate_range_start: Some(start::<T>),
        invalidate_range_end: Some(end::<T>),
        ..common_ops::<Self>()
    };
}

/// # Safety
///
/// Called by core mm alone: `subscription` belongs to a `Registration<StartEnd<T>>`, and `range` is
/// what is invalidated.
unsafe extern "C" fn start<T: Paired>(
    subscription: *mut bindings::mmu_notifier,
    range: *const bindings::mmu_notifier_range,
) -> c_int {
    // SAFETY: By the duties of this function, for the time of the call.
    let (subscriber, range) = unsafe {
        (
            subscriber::<StartEnd<T>>(subscription),
            Range::from_raw(range),
        )
    };

    CallbackContext::enter(range.is_blockable(), |context| {
        subscriber.start(range, context)
    });
    0
}

/// # Safety
///
/// As for [`start`].
unsafe extern "C" fn end<T: Paired>(
    subscription: *mut bindings::mmu_notifier,
    range: *const bindings::mmu_notifier_range,
) {
    // SAFETY: By the duties of this function, for the time of the call.
    let (subscriber, range) = unsafe {
        (
            subscriber::<StartEnd<T>>(subscription),
            Range::from_raw(range),
        )
    };

    CallbackContext::enter(range.is_blockable(), |context| {
        subscriber.end(range, context)
    });
}
