// SPDX-License-Identifier: GPL-2.0

//! The callback of an interval subscriber that is written in C.

use kernel::{
    bindings,
    mm::Mm,
    prelude::*,
    sync::aref::ARef,
    types::Opaque, //
};

use super::{
    IntervalSubscriber,
    Invalidate, //
};

/// The callback of a C driver, and a subscription for it to be called with; as
/// [`CallbackTable`](crate::mmu_notifier::CallbackTable).
///
/// The core knows nothing of this subscription; whose subscriber calls the driver has another.
///
/// # Invariants
///
/// `subscription` is initialised, with `ops` and `mm`, and is in no tree. The duties of
/// [`new`](Self::new) are kept.
pub struct IntervalTable {
    ops: &'static bindings::mmu_interval_notifier_ops,
    subscription: KBox<Opaque<bindings::mmu_interval_notifier>>,
    _mm: ARef<Mm>,
}

// SAFETY: The core calls the callback in any task and on any CPU, and so may others by the duties
// of `new()`.
unsafe impl Send for IntervalTable {}
// SAFETY: As above, and at the same time.
unsafe impl Sync for IntervalTable {}

impl IntervalTable {
    /// Makes a subscription for the `invalidate` of `ops`, to ranges of `mm`.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: there is none. A driver with two passes has a first pass instead.
    /// - [`ENOMEM`]: out of memory.
    ///
    /// # Safety
    ///
    /// The callback must be fit to be called
    ///
    /// - as the core calls it, in any task and at the same time on many CPUs, by whoever has a
    ///   `&IntervalTable`, for as long as the code of who calls this is loaded;
    /// - for a subscription that is in no tree, which it must neither insert nor remove.
    pub unsafe fn new(ops: &'static bindings::mmu_interval_notifier_ops, mm: &Mm) -> Result<Self> {
        if ops.invalidate.is_none() {
            return Err(EINVAL);
        }
        // As `__mmu_interval_notifier_insert()` does, less the tree.
        let subscription = bindings::mmu_interval_notifier {
            ops,
            mm: mm.as_raw(),
            ..pin_init::zeroed()
        };

        // INVARIANT: It was just initialised.
        Ok(Self {
            ops,
            subscription: KBox::new(Opaque::new(subscription), GFP_KERNEL_ACCOUNT)?,
            _mm: mm.into(),
        })
    }

    /// The driver's answer to `invalidation`, whatever that is: false refuses.
    ///
    /// That it is called where the core would call it is shown by the invalidation, which there is
    /// nowhere else. The driver may set the sequence of its own subscription; that of the subscriber
    /// is not its business.
    pub fn invalidate<T: IntervalSubscriber>(&self, invalidation: &Invalidate<'_, '_, T>) -> bool {
        let Some(invalidate) = self.ops.invalidate else {
            return true;
        };

        // SAFETY: By the type invariant. The range is one that the core calls a callback for.
        unsafe {
            invalidate(
                self.subscription.get(),
                invalidation.range().as_raw(),
                invalidation.sequence(),
            )
        }
    }
}
