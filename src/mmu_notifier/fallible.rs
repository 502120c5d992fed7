// SPDX-License-Identifier: GPL-2.0

//! Subscribers that may refuse a non-blockable invalidation.

use core::{
    marker::PhantomData,
    pin::Pin, //
};

use kernel::{
    bindings,
    error::code::EAGAIN,
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
    Subscriber,
    WouldBlock, //
};

/// A subscriber whose start may refuse a non-blockable range, and which has no end.
///
/// Context of the callback: as for [`Paired`](super::Paired).
///
/// Up to Linux 7.3 a refusal harms the [`IntervalRegistration`](super::IntervalRegistration)s of the
/// same mm: `__mmu_notifier_invalidate_range_start()` then forgets to end their invalidation, and
/// their drop waits for ever.
///
/// # Examples
///
/// A device's mappings are under a mutex, for which the OOM reaper must not wait:
///
/// ```
/// use core::pin::Pin;
/// use kernel::{prelude::*, sync::Mutex};
/// use mnck::mmu_notifier::{CallbackContext, Fallible, Range, Subscriber, WouldBlock};
///
/// #[pin_data]
/// struct Device {
///     /// The addresses of the pages that the device has.
///     #[pin]
///     pages: Mutex<KVec<usize>>,
/// }
///
/// #[vtable]
/// impl Subscriber for Device {}
///
/// impl Fallible for Device {
///     fn start<'c>(
///         self: Pin<&Self>,
///         range: &Range,
///         context: CallbackContext<'c>,
///     ) -> Result<(), WouldBlock<'c>> {
///         let mut pages = match context {
///             CallbackContext::Blockable(_) => self.pages.lock(),
///             CallbackContext::NonBlockable(context) => {
///                 self.pages.try_lock().ok_or_else(|| context.would_block())?
///             }
///         };
///
///         pages.retain(|page| !(range.start()..range.end()).contains(page));
///         Ok(())
///     }
/// }
/// ```
pub trait Fallible: Subscriber {
    /// The translations of `range` are about to change: drop those you have.
    /// `invalidate_range_start` of `struct mmu_notifier_ops`.
    ///
    /// A refusal makes the initiator give the range up, and perhaps come again. The starts of the
    /// other registrations are called all the same. None is called if an interval subscriber has
    /// refused before.
    fn start<'c>(
        self: Pin<&Self>,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<(), WouldBlock<'c>>;
}

/// The flavour of a [`Fallible`] subscriber.
pub struct StartOnly<T>(PhantomData<fn() -> T>);

// SAFETY: The table has a start, which fails only with -EAGAIN and only if the range is
// non-blockable, and no end and no secondary-TLB callback.
unsafe impl<T: Fallible> Flavour for StartOnly<T> {
    type Subscriber = T;

    const OPS: bindings::mmu_notifier_ops = bindings::mmu_notifier_ops {
        invalidate_range_start: Some(start::<T>),
        ..common_ops::<Self>()
    };
}

/// # Safety
///
/// Called by core mm alone: `subscription` belongs to a `Registration<StartOnly<T>>`, and `range`
/// is what is invalidated.
unsafe extern "C" fn start<T: Fallible>(
    subscription: *mut bindings::mmu_notifier,
    range: *const bindings::mmu_notifier_range,
) -> c_int {
    // SAFETY: By the duties of this function, for the time of the call.
    let (subscriber, range) = unsafe {
        (
            subscriber::<StartOnly<T>>(subscription),
            Range::from_raw(range),
        )
    };

    CallbackContext::enter(range.is_blockable(), |context| {
        match subscriber.start(range, context) {
            Ok(()) => 0,
            Err(WouldBlock { .. }) => EAGAIN.to_errno(),
        }
    })
}
