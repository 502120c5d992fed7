// SPDX-License-Identifier: GPL-2.0

//! The core does not take a secondary TLB that has a start or an end too.

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
