// SPDX-License-Identifier: GPL-2.0

//! What the subscribers of every flavour have in common.

use core::{
    ops::Range,
    pin::Pin, //
};

use kernel::{
    bindings,
    build_error,
    error::VTABLE_DEFAULT_ERROR,
    ffi::c_ulong,
    mm::Mm,
    prelude::*,
    types::Opaque, //
};

use super::NoSleep;

/// The callbacks that a subscriber of any flavour may have.
///
/// A subscriber is called at the same time on many CPUs, in tasks of any process and in kernel
/// threads. What a callback must not do is excluded by the types as far as they can see it: see
/// [`CallbackContext`](super::CallbackContext) and [`TaskContext`](super::TaskContext). They cannot
/// see that it calls something else that sleeps, that it allocates with direct reclaim, that it
/// drops the last user of an mm, or that it panics: it must do none of these.
///
/// # Aging
///
/// The three callbacks about young pages let reclaim, and who else asks for the age of pages, see
/// which of them the secondary MMU uses.
/// Context: the lock of a page table is held, which is a spin lock. Addresses are in bytes.
///
/// # Examples
///
/// A guest that goes with its process, and tells which of its pages it uses:
///
/// ```
/// use core::{ops::Range, pin::Pin};
/// use kernel::{mm::Mm, prelude::*, sync::{atomic::{Atomic, Relaxed}, SpinLock}};
/// use mnck::mmu_notifier::{NoSleep, Subscriber};
///
/// #[pin_data]
/// struct Guest {
///     dead: Atomic<bool>,
///     /// The addresses of the pages that were used, and are young until somebody asks.
///     #[pin]
///     young: SpinLock<KVec<usize>>,
/// }
///
/// #[vtable]
/// impl Subscriber for Guest {
///     fn release(self: Pin<&Self>, _mm: &Mm) {
///         self.dead.store(true, Relaxed);
///     }
///
///     fn clear_young(
///         self: Pin<&Self>,
///         _mm: &Mm,
///         range: Range<usize>,
///         _context: NoSleep<'_>,
///     ) -> bool {
///         let mut young = self.young.lock();
///         let before = young.len();
///
///         young.retain(|page| !range.contains(page));
///         young.len() != before
///     }
///
///     fn test_young(self: Pin<&Self>, _mm: &Mm, address: usize, _context: NoSleep<'_>) -> bool {
///         self.young.lock().contains(&address)
///     }
/// }
/// ```
#[vtable]
pub trait Subscriber: Sized + Send + Sync + 'static {
    /// The address space goes, or the registration does: drop all translations, make no new ones.
    /// `release` of `struct mmu_notifier_ops`.
    ///
    /// Comes once, or, if the mm exits while the registration is dropped, twice, and both calls may
    /// run at the same time. (For a [`SharedRef`](super::SharedRef), once or never.) The core
    /// unlinks the subscriber only afterwards, so that other callbacks may still run beside it and
    /// shortly after it.
    ///
    /// Context: task context; may sleep. Held are a read side of the notifiers' SRCU, and what the
    /// task holds that drops the registration.
    fn release(self: Pin<&Self>, _mm: &Mm) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Whether a page within `range`, half open, was used since this was last asked; then no more,
    /// also not in the secondary TLB. `clear_flush_young`.
    fn clear_flush_young(
        self: Pin<&Self>,
        _mm: &Mm,
        _range: Range<usize>,
        _context: NoSleep<'_>,
    ) -> bool {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// As [`clear_flush_young`](Self::clear_flush_young), but the secondary TLB may keep its entry.
    /// `clear_young`.
    fn clear_young(
        self: Pin<&Self>,
        _mm: &Mm,
        _range: Range<usize>,
        _context: NoSleep<'_>,
    ) -> bool {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Whether the page at `address` was used, and leave it so. `test_young`.
    fn test_young(self: Pin<&Self>, _mm: &Mm, _address: usize, _context: NoSleep<'_>) -> bool {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// A kind of subscription: which callbacks the core calls, and how.
///
/// # Safety
///
/// `OPS` must keep the core's rules: its callbacks take a `subscription` that belongs to a
/// registration of `Self`; a start that can fail has no end, fails with -EAGAIN alone and only if
/// the range is non-blockable; `arch_invalidate_secondary_tlbs` stands neither with a start nor with
/// an end; `alloc_notifier` and `free_notifier` are absent.
pub unsafe trait Flavour: 'static {
    /// The subscriber's type.
    type Subscriber: Subscriber;

    /// The callback table.
    const OPS: bindings::mmu_notifier_ops;
}

/// A subscriber, and the core's view of it.
///
/// # Invariants
///
/// `subscription` is initialised, and is `subscriber`'s.
// In the order of a C driver's struct, and so with the same cache lines.
#[repr(C)]
#[pin_data]
pub(super) struct Node<F: Flavour> {
    #[pin]
    pub(super) subscription: Opaque<bindings::mmu_notifier>,
    #[pin]
    pub(super) subscriber: F::Subscriber,
}

// SAFETY: What the core does with a subscription it does under locks of its own, and nobody else
// does anything but hand it to the core; the subscriber is `Send`.
unsafe impl<F: Flavour> Send for Node<F> {}
// SAFETY: As above, and the subscriber is `Sync`.
unsafe impl<F: Flavour> Sync for Node<F> {}

impl<F: Flavour> Node<F> {
    /// Makes the subscriber and then its subscription, which `publish` may show to the core.
    pub(super) fn new<E>(
        subscriber: impl PinInit<F::Subscriber, E>,
        ops: *const bindings::mmu_notifier_ops,
        publish: impl FnOnce(*mut bindings::mmu_notifier) -> Result,
    ) -> impl PinInit<Self, Error>
    where
        Error: From<E>,
    {
        try_pin_init!(Self {
            subscriber <- subscriber,
            // Last: once published a callback may come, and finds the subscriber in place.
            subscription <- Opaque::try_ffi_init(|slot: *mut bindings::mmu_notifier| {
                // SAFETY: `slot` is valid for writing.
                unsafe {
                    slot.write(bindings::mmu_notifier {
                        ops,
                        ..pin_init::zeroed()
                    })
                };
                publish(slot)
            }),
        }? Error)
    }

    /// The node that `subscription` belongs to.
    ///
    /// # Safety
    ///
    /// There must be one.
    pub(super) unsafe fn from_subscription(
        subscription: *mut bindings::mmu_notifier,
    ) -> *const Self {
        let subscription = Opaque::cast_from(subscription);

        // SAFETY: By the duty above it is that field of a node.
        unsafe { kernel::container_of!(subscription, Self, subscription) }
    }
}

/// The subscriber that a callback is called for.
///
/// # Safety
///
/// `subscription` must belong to a `Node<F>` that the core knows for all of `'a`.
#[inline]
pub(super) unsafe fn subscriber<'a, F: Flavour>(
    subscription: *mut bindings::mmu_notifier,
) -> Pin<&'a F::Subscriber> {
    // Not by a reference to the whole, of which `subscription` may still be under construction.
    //
    // SAFETY: By the duty above. The subscriber was initialised before the core could see it, is
    // pinned, and is dropped only after the core has waited for this callback.
    unsafe { Pin::new_unchecked(&(*Node::<F>::from_subscription(subscription)).subscriber) }
}

/// The part of a callback table that all flavours have.
pub(super) const fn common_ops<F: Flavour>() -> bindings::mmu_notifier_ops {
    bindings::mmu_notifier_ops {
        release: if F::Subscriber::HAS_RELEASE {
            Some(release::<F>)
        } else {
            None
        },
        clear_flush_young: if F::Subscriber::HAS_CLEAR_FLUSH_YOUNG {
            Some(clear_flush_young::<F>)
        } else {
            None
        },
        clear_young: if F::Subscriber::HAS_CLEAR_YOUNG {
            Some(clear_young::<F>)
        } else {
            None
        },
        test_young: if F::Subscriber::HAS_TEST_YOUNG {
            Some(test_young::<F>)
        } else {
            None
        },
        ..pin_init::zeroed()
    }
}

/// # Safety
///
/// Called by core mm alone: `subscription` belongs to a `Node<F>`, and is registered with `mm`.
unsafe extern "C" fn release<F: Flavour>(
    subscription: *mut bindings::mmu_notifier,
    mm: *mut bindings::mm_struct,
) {
    // SAFETY: By the duties of this function, for the time of the call.
    let (subscriber, mm) = unsafe { (subscriber::<F>(subscription), Mm::from_raw(mm)) };

    subscriber.release(mm);
}

/// # Safety
///
/// As for [`release`].
unsafe extern "C" fn clear_flush_young<F: Flavour>(
    subscription: *mut bindings::mmu_notifier,
    mm: *mut bindings::mm_struct,
    start: c_ulong,
    end: c_ulong,
) -> bool {
    // SAFETY: By the duties of this function, for the time of the call.
    let (subscriber, mm) = unsafe { (subscriber::<F>(subscription), Mm::from_raw(mm)) };

    NoSleep::enter(|context| subscriber.clear_flush_young(mm, start..end, context))
}

/// # Safety
///
/// As for [`release`].
unsafe extern "C" fn clear_young<F: Flavour>(
    subscription: *mut bindings::mmu_notifier,
    mm: *mut bindings::mm_struct,
    start: c_ulong,
    end: c_ulong,
) -> bool {
    // SAFETY: By the duties of this function, for the time of the call.
    let (subscriber, mm) = unsafe { (subscriber::<F>(subscription), Mm::from_raw(mm)) };

    NoSleep::enter(|context| subscriber.clear_young(mm, start..end, context))
}

/// # Safety
///
/// As for [`release`].
unsafe extern "C" fn test_young<F: Flavour>(
    subscription: *mut bindings::mmu_notifier,
    mm: *mut bindings::mm_struct,
    address: c_ulong,
) -> bool {
    // SAFETY: By the duties of this function, for the time of the call.
    let (subscriber, mm) = unsafe { (subscriber::<F>(subscription), Mm::from_raw(mm)) };

    NoSleep::enter(|context| subscriber.test_young(mm, address, context))
}
