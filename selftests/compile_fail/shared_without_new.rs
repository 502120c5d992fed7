// SPDX-License-Identifier: GPL-2.0

//! A shared subscriber must say how it is made: the domain makes it when an mm first needs one.

use kernel::{
    mm::Mm,
    prelude::*, //
};
use mnck::mmu_notifier::*;

struct Guest;

impl AtomicDrop for Guest {}

#[vtable]
impl Subscriber for Guest {}

impl Shared for Guest {
    //+ fn new(_mm: &Mm) -> impl PinInit<Self, Error> { Ok(Self) }
    //~^^ E0046
}
