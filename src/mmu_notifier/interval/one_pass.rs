// SPDX-License-Identifier: GPL-2.0

//! Interval subscribers that deal with an invalidation in one call.

use core::{
    marker::PhantomData,
    pin::Pin, //
};

use kernel::{
    bindings,
    ffi::c_ulong, //
};

use super::{
    Done,
    IntervalFlavour,
    IntervalNode,
    IntervalSubscriber,
    Invalidate, //
};
use crate::mmu_notifier::{
    CallbackContext,
    Range,
    WouldBlock, //
};

/// A subscriber that deals with an invalidation in one call.
///
/// # Examples
///
/// A device has a page table of its own, which is the shadow:
///
/// ```
/// use core::pin::Pin;
/// use kernel::{prelude::*, sync::Mutex};
/// use mnck::mmu_notifier::{
///     CallbackContext, Done, Interval, IntervalSubscriber, Invalidate, WouldBlock,
/// };
///
/// struct Device;
///
/// impl Device {
///     fn flush(&self) {
///         // Wait until it uses none of the old translations.
///     }
/// }
///
/// #[vtable]
/// impl IntervalSubscriber for Device {
///     /// The address and the frame number of each page that the device has.
///     type UserLock = Mutex<KVec<(usize, usize)>>;
/// }
///
/// impl Interval for Device {
///     fn invalidate<'c>(
///         self: Pin<&Self>,
///         invalidation: Invalidate<'_, 'c, Self>,
///         context: CallbackContext<'c>,
///     ) -> Result<Done<'c>, WouldBlock<'c>> {
///         let range = invalidation.range();
///         let mut pages = invalidation.lock_or_refuse(&context)?;
///
///         pages.retain(|(address, _)| !(range.start()..range.end()).contains(address));
///         self.flush();
///         Ok(pages.done())
///     }
/// }
/// ```
pub trait Interval: IntervalSubscriber {
    /// The translations of a range are about to change: remove those that the shadow has, and stop
    /// the secondary MMU from using them. `invalidate` of `struct mmu_interval_notifier_ops`.
    ///
    /// There is no callback for the end; until then the read side waits. If one subscriber refuses,
    /// those behind it are not asked, and the invalidation is given up.
    ///
    /// Context: as for [`Paired`](crate::mmu_notifier::Paired), but for the SRCU.
    fn invalidate<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        context: CallbackContext<'c>,
    ) -> Result<Done<'c>, WouldBlock<'c>>;
}

/// The flavour of an [`Interval`] subscriber.
pub struct OnePass<T>(PhantomData<fn() -> T>);

// SAFETY: The table has an `invalidate` alone, which returns false only if the range is
// non-blockable.
unsafe impl<T: Interval> IntervalFlavour for OnePass<T> {
    type Subscriber = T;

    const OPS: bindings::mmu_interval_notifier_ops = bindings::mmu_interval_notifier_ops {
        invalidate: Some(invalidate::<T>),
        ..pin_init::zeroed()
    };
}

/// # Safety
///
/// Called by core mm alone: `subscription` belongs to an `IntervalNode<T>`, and `range` is what is
/// invalidated.
unsafe extern "C" fn invalidate<T: Interval>(
    subscription: *mut bindings::mmu_interval_notifier,
    range: *const bindings::mmu_notifier_range,
    sequence: c_ulong,
) -> bool {
    // SAFETY: By the duties of this function, for the time of the call.
    let (node, range) = unsafe {
        (
            IntervalNode::<T>::from_subscription(subscription),
            Range::from_raw(range),
        )
    };

    CallbackContext::enter(range.is_blockable(), |context| {
        let invalidation = Invalidate::new(node.get_ref(), range, sequence);

        node.subscriber().invalidate(invalidation, context).is_ok()
    })
}
