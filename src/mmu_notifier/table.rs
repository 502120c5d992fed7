// SPDX-License-Identifier: GPL-2.0

//! The callbacks of a subscriber that is written in C.

use core::ptr::NonNull;

use kernel::{
    bindings,
    error::from_err_ptr,
    ffi::c_int,
    mm::Mm,
    prelude::*,
    sync::aref::ARef, //
};

use super::Range;

/// The callbacks of a C driver, and a subscription for them to be called with.
///
/// The core knows nothing of this subscription. Who has the table stands between the core and the
/// driver: it registers a subscriber of its own, and calls the driver from there, with what the
/// core told it. So it can look at what the driver does, and answer for it.
///
/// The subscription is the driver's own, from `alloc_notifier` and `free_notifier`, if the table has
/// these two: that is how a driver has more than a `struct mmu_notifier` to know itself by.
///
/// # Invariants
///
/// `subscription` is initialised, with `ops` and `mm`, and is in no list. If the table has a
/// `free_notifier` it comes from the `alloc_notifier`, else from [`KBox::into_raw`]. The duties of
/// [`new`](Self::new) are kept.
pub struct CallbackTable {
    ops: &'static bindings::mmu_notifier_ops,
    subscription: NonNull<bindings::mmu_notifier>,
    mm: ARef<Mm>,
}

// SAFETY: The core calls the callbacks in any task and on any CPU, and so may others by the duties
// of `new()`.
unsafe impl Send for CallbackTable {}
// SAFETY: As above, and at the same time.
unsafe impl Sync for CallbackTable {}

impl CallbackTable {
    /// Makes a subscription for the callbacks of `ops`, to ranges of `mm`. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: there is an `alloc_notifier` without a `free_notifier`, or the reverse.
    /// - [`ENOMEM`]: out of memory.
    /// - What the `alloc_notifier` fails with.
    ///
    /// # Safety
    ///
    /// The callbacks of `ops` must be fit to be called
    ///
    /// - as the core calls them, in any task and at the same time on many CPUs, by whoever has a
    ///   `&CallbackTable`; start and end for any range, and in any order;
    /// - for a subscription that is in no list, which they must not register, unregister, get or
    ///   put, nor look for in the core's structures;
    /// - `alloc_notifier` without the mmap lock, and `free_notifier` from where one may sleep, for
    ///   as long as the code of who calls this is loaded.
    ///
    /// `alloc_notifier` must return a valid subscription, or an error pointer, and hand it over
    /// until it is given to `free_notifier`.
    pub unsafe fn new(ops: &'static bindings::mmu_notifier_ops, mm: &Mm) -> Result<Self> {
        let subscription = match (ops.alloc_notifier, ops.free_notifier) {
            (Some(alloc), Some(_)) => {
                // SAFETY: By the duties of this function.
                let subscription = from_err_ptr(unsafe { alloc(mm.as_raw()) })?;

                NonNull::new(subscription).ok_or(ENOMEM)?
            }
            (None, None) => {
                let subscription = KBox::<bindings::mmu_notifier>::init(
                    pin_init::init_zeroed(),
                    GFP_KERNEL_ACCOUNT,
                )?;

                NonNull::from(KBox::leak(subscription))
            }
            _ => return Err(EINVAL),
        };

        // As `mmu_notifier_get_locked()` and `__mmu_notifier_register()` do.
        //
        // SAFETY: It is valid, and nobody else knows it yet.
        unsafe {
            (*subscription.as_ptr()).ops = ops;
            (*subscription.as_ptr()).mm = mm.as_raw();
        }
        // INVARIANT: It was made above in the one way or the other.
        Ok(Self {
            ops,
            subscription,
            mm: mm.into(),
        })
    }

    /// Whether the driver wants to know when an invalidation has ended.
    pub fn has_end(&self) -> bool {
        self.ops.invalidate_range_end.is_some()
    }

    /// The driver's subscription, valid as long as this.
    pub fn as_raw(&self) -> *mut bindings::mmu_notifier {
        self.subscription.as_ptr()
    }

    /// The address space whose ranges the driver was made for.
    pub fn mm(&self) -> &Mm {
        &self.mm
    }

    /// The driver's start, and what it returns, whatever that is; 0 if it has none.
    ///
    /// That it is called where the core would call it is shown by the range, which there is nowhere
    /// else.
    pub fn start(&self, range: &Range) -> c_int {
        let Some(start) = self.ops.invalidate_range_start else {
            return 0;
        };

        // SAFETY: By the type invariant. The range is one that the core calls a callback for.
        unsafe { start(self.subscription.as_ptr(), range.as_raw()) }
    }

    /// The driver's end, if it has one.
    pub fn end(&self, range: &Range) {
        if let Some(end) = self.ops.invalidate_range_end {
            // SAFETY: As in `start()`.
            unsafe { end(self.subscription.as_ptr(), range.as_raw()) };
        }
    }

    /// The driver's release, if it has one. May sleep.
    pub fn release(&self) {
        if let Some(release) = self.ops.release {
            // SAFETY: By the type invariant; the `struct mm_struct` is there as long as this is.
            unsafe { release(self.subscription.as_ptr(), self.mm.as_raw()) };
        }
    }
}

impl Drop for CallbackTable {
    fn drop(&mut self) {
        if let Some(free) = self.ops.free_notifier {
            // SAFETY: By the type invariant it comes from `alloc_notifier`, and this is the last
            // that is heard of it.
            unsafe { free(self.subscription.as_ptr()) };
        } else {
            // SAFETY: By the type invariant it comes from a `KBox`, and nobody uses it any more.
            drop(unsafe { KBox::from_raw(self.subscription.as_ptr()) });
        }
    }
}
