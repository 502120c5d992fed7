// SPDX-License-Identifier: GPL-2.0

//! Subscribers that flush a TLB which walks the CPU's own page tables.

use core::{
    marker::PhantomData,
    ops::Range,
    pin::Pin, //
};

use kernel::{
    bindings,
    ffi::c_ulong,
    mm::Mm, //
};

use super::{
    subscriber::{
        common_ops,
        subscriber, //
    },
    Flavour,
    NoSleep,
    Subscriber, //
};

/// A subscriber whose device shares the page tables with the CPU, as an IOMMU does for shared
/// virtual addressing, so that it has nothing to drop but what its TLB caches.
///
/// It has neither a start nor an end: a flush comes between the two, when the page table has
/// changed.
///
/// # Examples
///
/// ```
/// use core::pin::Pin;
/// use kernel::{mm::Mm, page::PAGE_SIZE, prelude::*};
/// use mnck::mmu_notifier::{Flush, NoSleep, SecondaryTlb, Subscriber};
///
/// struct Iommu {
///     asid: u16,
/// }
///
/// impl Iommu {
///     fn flush_page(&self, _address: usize) {
///         // Write it to the queue of commands.
///     }
///
///     fn flush_all(&self) {
///         // As above.
///     }
/// }
///
/// #[vtable]
/// impl Subscriber for Iommu {
///     fn release(self: Pin<&Self>, _mm: &Mm) {
///         // The page tables go: let the device walk them no more.
///         self.flush_all();
///     }
/// }
///
/// impl SecondaryTlb for Iommu {
///     fn flush(self: Pin<&Self>, _mm: &Mm, flush: Flush, _context: NoSleep<'_>) {
///         match flush {
///             Flush::Range(range) if range.len() <= 64 * PAGE_SIZE => {
///                 range.step_by(PAGE_SIZE).for_each(|address| self.flush_page(address));
///             }
///             _ => self.flush_all(),
///         }
///     }
/// }
/// ```
pub trait SecondaryTlb: Subscriber {
    /// The page-table entries of `flush` have changed: forget them.
    /// `arch_invalidate_secondary_tlbs` of `struct mmu_notifier_ops`.
    ///
    /// Comes whenever the CPU's own TLB is flushed, which may be for more, or more often, than was
    /// changed. Context: any; often the lock of a page table is held, which is a spin lock.
    fn flush(self: Pin<&Self>, mm: &Mm, flush: Flush, context: NoSleep<'_>);
}

/// What a secondary TLB has to forget.
#[derive(Clone, PartialEq, Eq)]
pub enum Flush {
    /// All of the address space.
    All,
    /// These addresses, in bytes, half open. For kernel page tables they are kernel addresses.
    Range(Range<usize>),
}

/// The flavour of a [`SecondaryTlb`] subscriber.
pub struct TlbOnly<T>(PhantomData<fn() -> T>);

// SAFETY: The table has a secondary-TLB callback, and neither a start nor an end.
unsafe impl<T: SecondaryTlb> Flavour for TlbOnly<T> {
    type Subscriber = T;

    const OPS: bindings::mmu_notifier_ops = bindings::mmu_notifier_ops {
        arch_invalidate_secondary_tlbs: Some(flush::<T>),
        ..common_ops::<Self>()
    };
}

/// # Safety
///
/// Called by the kernel alone: `subscription` belongs to a `Node<TlbOnly<T>>`, and is registered
/// with `mm`.
unsafe extern "C" fn flush<T: SecondaryTlb>(
    subscription: *mut bindings::mmu_notifier,
    mm: *mut bindings::mm_struct,
    start: c_ulong,
    end: c_ulong,
) {
    // SAFETY: By the duties of this function, for the time of the call.
    let (subscriber, mm) = unsafe { (subscriber::<TlbOnly<T>>(subscription), Mm::from_raw(mm)) };

    // All that C has for "all" is the last address, whatever the first is.
    let flush = if end == c_ulong::MAX {
        Flush::All
    } else {
        Flush::Range(start..end)
    };
    NoSleep::enter(|context| subscriber.flush(mm, flush, context));
}
