// SPDX-License-Identifier: GPL-2.0

//! A release callback must not take the subscriber by `&mut`: two of them may run at the same time.

use core::pin::Pin;

use kernel::{
    mm::Mm,
    prelude::*, //
};
use mnck::mmu_notifier::*;

struct Guest {
    count: usize,
}

#[vtable]
impl Subscriber for Guest {
    //+ fn release(self: Pin<&Self>, _mm: &Mm) {}
    fn release(self: Pin<&mut Self>, _mm: &Mm) {} //~ E0053
}
