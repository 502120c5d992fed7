// SPDX-License-Identifier: GPL-2.0

//! A flush must not fail: the caller relies on it when the callback has returned.

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
    #[rustfmt::skip]
    //+ fn flush(self: Pin<&Self>, _: &Mm, _: Flush, _: NoSleep<'_>) {}
    fn flush(self: Pin<&Self>, _: &Mm, _: Flush, _: NoSleep<'_>) -> Result { Ok(()) } //~ E0053
}
