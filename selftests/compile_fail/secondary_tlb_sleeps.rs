// SPDX-License-Identifier: GPL-2.0

//! A flush must not sleep: the core calls it under spin locks.

use core::pin::Pin;

use kernel::{
    mm::Mm,
    prelude::*, //
};
use mnck::mmu_notifier::*;

struct Iommu;

fn wait_for_the_device(_context: &MaySleep<'_>) {}
fn tell_the_device(_context: &NoSleep<'_>) {}

#[vtable]
impl Subscriber for Iommu {}

impl SecondaryTlb for Iommu {
    fn flush(self: Pin<&Self>, _mm: &Mm, _flush: Flush, context: NoSleep<'_>) {
        //+ tell_the_device(&context);
        wait_for_the_device(&context); //~ E0308
    }
}
