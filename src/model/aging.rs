// SPDX-License-Identifier: GPL-2.0

//! A subscriber that knows which pages its device has used, as KVM does for its guest.
//!
//! Reclaim asks for it, so as not to take a page that the CPU has left alone and the guest has not:
//! `kvm_mmu_notifier_clear_flush_young()` and its two neighbours in `virt/kvm/kvm_main.c`. Where
//! KVM looks at the accessed bits of its page tables, this has a set of pages.

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
        Arc,
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
        Statistics,
        Young, //
    },
};
use crate::{
    check::Callback,
    mmu_notifier::{
        NoSleep,
        Subscriber, //
    }, //
};

/// See the module's documentation.
#[pin_data]
pub(crate) struct Aging {
    statistics: Arc<Statistics>,

    /// The pages that were used since they were last asked about. Taken under the lock of a page
    /// table; no lock nests within.
    #[pin]
    young: SpinLock<Pages<()>>,
}

impl Aging {
    /// A subscriber that counts in `statistics`, and no young pages.
    pub(super) fn new(statistics: Arc<Statistics>) -> impl PinInit<Self> {
        pin_init!(Self {
            statistics,
            young <- new_spinlock!(Pages::new(), "Aging::young"),
        })
    }

    /// The device uses the pages of `range`, in bytes, page-aligned.
    pub(crate) fn touch(&self, range: Range<usize>) -> Result {
        let reserved = Reserved::new(pages::count(&range))?;
        let pages = pages::addresses(range).map(|page| (page, ()));

        self.young.lock().insert(reserved, pages);
        Ok(())
    }

    /// Makes the pages of `range` old, and says whether one was young.
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

        // Here, without the lock.
        drop(young);
        self.statistics.release();
    }

    fn clear_flush_young(
        self: Pin<&Self>,
        _mm: &Mm,
        range: Range<usize>,
        _context: NoSleep<'_>,
    ) -> bool {
        // There is no secondary TLB that would have to be flushed for the next use to be seen.
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
