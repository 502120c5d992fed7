// SPDX-License-Identifier: GPL-2.0

//! The driver of a shared subscriber must promise that dropping it does not sleep: it is freed
//! where nothing may sleep.

use kernel::{
    mm::Mm,
    prelude::*, //
};
use mnck::mmu_notifier::*;

struct Guest;

struct Promise;

//+ impl AtomicDrop for Guest {}
impl AtomicDrop for Promise {}

#[vtable]
impl Subscriber for Guest {}

impl Shared for Guest {
    //~^ E0277
    fn new(_mm: &Mm) -> impl PinInit<Self, Error> {
        Ok(Self)
    }
}
