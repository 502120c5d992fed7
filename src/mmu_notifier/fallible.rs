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
    registration::{
        release,
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
pub trait Fallible: Subscriber {
    /// The translations of `range` are about to change: drop those you have.
    /// `invalidate_range_start` of `struct mmu_notifier_ops`.
    ///
    /// A refusal makes the initiator give the range up, and perhaps come again. The starts of the
    /// other subscribers are called all the same.
    fn start<'c>(
        self: Pin<&Self>,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<(), WouldBlock<'c>>;
}

/// The flavour of a [`Fallible`] subscriber.
pub struct StartOnly<T>(PhantomData<T>);

// SAFETY: The table has a start, which fails only with -EAGAIN and only if the range is
// non-blockable, and no end and no secondary-TLB callback.
unsafe impl<T: Fallible> Flavour for StartOnly<T> {
    type Subscriber = T;

    const OPS: &'static bindings::mmu_notifier_ops = &bindings::mmu_notifier_ops {
        release: if T::HAS_RELEASE {
            Some(release::<Self>)
        } else {
            None
        },
        invalidate_range_start: Some(start::<T>),
        ..pin_init::zeroed()
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

    CallbackContext::enter(range, |context| match subscriber.start(range, context) {
        Ok(()) => 0,
        Err(WouldBlock { .. }) => EAGAIN.to_errno(),
    })
}
