// SPDX-License-Identifier: GPL-2.0

//! A subscriber that records which pages its device has used, as KVM does for its guest.
//!
//! Reclaim asks the subscriber whether pages are young, so that it does not take a page that the
//! guest uses although the CPU does not: `kvm_mmu_notifier_clear_flush_young()`,
//! `kvm_mmu_notifier_clear_young()` and `kvm_mmu_notifier_test_young()` in `virt/kvm/kvm_main.c`.
//! KVM looks at the accessed bits of its page tables; this subscriber has a set of pages.

use core::{
    mem,
    ops::Range,
    pin::Pin, //
};

use kernel::{
    mm::Mm,
    new_spinlock,
    page::{
        PAGE_MASK,
        PAGE_SIZE, //
    },
    prelude::*,
    sync::{
        SpinLock, //
    }, //
};

use super::{
    pages::{
        self,
        Pages,
        Reserved, //
    },
    statistics::{
        Counting,
        Young, //
    },
};
use crate::{
    event::Callback,
    mmu_notifier::{
        NoSleep,
        Subscriber, //
    }, //
};

/// The subscriber: see the module's documentation.
#[pin_data]
pub(crate) struct Aging {
    statistics: Counting,

    /// The pages that the device has used since they were last cleared. This lock is taken under
    /// the lock of a page table, and no lock is taken under it.
    #[pin]
    young: SpinLock<Pages<()>>,
}

impl Aging {
    /// Makes a subscriber without young pages, which counts in `statistics`.
    pub(super) fn new(statistics: Counting) -> impl PinInit<Self> {
        pin_init!(Self {
            statistics,
            young <- new_spinlock!(Pages::new(), "Aging::young"),
        })
    }

    /// Makes the pages of `range` young, as if the device used them. `range` is in bytes,
    /// half-open, page-aligned. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOSPC`]: there would be more than `MNCK_MAX_PAGES` young pages.
    /// - [`ENOMEM`]: out of memory.
    pub(crate) fn touch(&self, range: Range<usize>) -> Result {
        let reserved = Reserved::new(pages::count(&range))?;
        let pages = pages::addresses(range).map(|page| (page, ()));

        self.young.lock().insert(reserved, pages)
    }

    /// Makes the pages of `range` old, and returns whether one was young.
    fn clear(&self, question: Young, range: Range<usize>) -> bool {
        let _scope = self.statistics.enter(Callback::Young, None);
        let young = self.young.lock().remove(range.clone());

        self.statistics.young(question, range, young);
        young
    }
}

#[vtable]
impl Subscriber for Aging {
    fn release(self: Pin<&Self>, _mm: &Mm) {
        let _scope = self.statistics.enter(Callback::Release, None);
        let young = mem::replace(&mut *self.young.lock(), Pages::new());

        // Freed here, without the lock.
        drop(young);
        self.statistics.release();
    }

    fn clear_flush_young(
        self: Pin<&Self>,
        _mm: &Mm,
        range: Range<usize>,
        _context: NoSleep<'_>,
    ) -> bool {
        // A driver would also flush its TLB here, so that it sees the next use of the page.
        self.clear(Young::ClearFlush, range)
    }

    fn clear_young(self: Pin<&Self>, _mm: &Mm, range: Range<usize>, _context: NoSleep<'_>) -> bool {
        self.clear(Young::Clear, range)
    }

    fn test_young(self: Pin<&Self>, _mm: &Mm, address: usize, _context: NoSleep<'_>) -> bool {
        let _scope = self.statistics.enter(Callback::Young, None);
        let page = address & PAGE_MASK;
        let young = self.young.lock().get(page).is_some();

        self.statistics
            .young(Young::Test, page..page.wrapping_add(PAGE_SIZE), young);
        young
    }
}
