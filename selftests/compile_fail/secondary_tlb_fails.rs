// SPDX-License-Identifier: GPL-2.0

//! A flush has happened when the callback returns: it cannot be put off.

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
