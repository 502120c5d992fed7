// SPDX-License-Identifier: GPL-2.0

//! A subscriber with a TLB that caches the CPU's own page tables, as an IOMMU does for shared
//! virtual addressing (SVA).
//!
//! The subscriber keeps no shadow page table. A driver passes each flush on to the hardware:
//! `drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3-sva.c`. After the release the IOMMU must not walk the
//! page tables any more, because they are about to be freed.

use core::pin::Pin;

use kernel::{mm::Mm, prelude::*};

use super::statistics::Counting;
use crate::{
    event::Callback,
    mmu_notifier::{
        Flush,
        NoSleep,
        SecondaryTlb,
        Subscriber, //
    }, //
};

/// The subscriber: see the module's documentation.
pub(super) struct Iommu {
    statistics: Counting,
}

impl Iommu {
    /// Makes a subscriber that counts in `statistics`.
    pub(super) fn new(statistics: Counting) -> Self {
        Self { statistics }
    }
}

#[vtable]
impl Subscriber for Iommu {
    fn release(self: Pin<&Self>, _mm: &Mm) {
        let _scope = self.statistics.enter(Callback::Release, None);

        self.statistics.release();
    }
}

impl SecondaryTlb for Iommu {
    fn flush(self: Pin<&Self>, _mm: &Mm, flush: Flush, _context: NoSleep<'_>) {
        let _scope = self.statistics.enter(Callback::Flush, None);

        self.statistics.flush(flush);
    }
}
