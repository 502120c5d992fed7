// SPDX-License-Identifier: GPL-2.0

//! Whoever is shared is made by the domain, on demand.

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
