// SPDX-License-Identifier: GPL-2.0

//! A secondary TLB must not have a start or an end as well: the core rejects such a subscriber.

use core::pin::Pin;

use kernel::{
    mm::Mm,
    prelude::*, //
};
use mnck::mmu_notifier::*;

struct Iommu;

#[vtable]
impl Subscriber for Iommu {}

impl SecondaryTlb for Iommu {
    fn flush(self: Pin<&Self>, _mm: &Mm, _flush: Flush, _context: NoSleep<'_>) {}

    //+
    fn start(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {} //~ E0407
}
