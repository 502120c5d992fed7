// SPDX-License-Identifier: GPL-2.0

//! Subscribers that do not follow invalidations.

use core::marker::PhantomData;

use kernel::bindings;

use super::{
    subscriber::common_ops,
    Flavour,
    Subscriber, //
};

/// The flavour of a subscriber that needs no more than the callbacks of [`Subscriber`]: the
/// release, as the protected guests of s390, or the young callbacks.
pub struct Bare<T>(PhantomData<fn() -> T>);

// SAFETY: The table has no start, no end and no secondary-TLB callback.
unsafe impl<T: Subscriber> Flavour for Bare<T> {
    type Subscriber = T;

    const OPS: bindings::mmu_notifier_ops = common_ops::<Self>();
}
