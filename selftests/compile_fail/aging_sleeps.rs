// SPDX-License-Identifier: GPL-2.0

//! A callback about young pages must not sleep: the core calls it under the page table lock.

use core::pin::Pin;

use kernel::{
    mm::Mm,
    prelude::*, //
};
use mnck::mmu_notifier::*;

struct Guest;

fn wait_for_the_device(_context: &MaySleep<'_>) {}
fn ask_the_device(_context: &NoSleep<'_>) {}

#[vtable]
impl Subscriber for Guest {
    fn test_young(self: Pin<&Self>, _mm: &Mm, _address: usize, context: NoSleep<'_>) -> bool {
        //+ ask_the_device(&context);
        wait_for_the_device(&context); //~ E0308
        true
    }
}
