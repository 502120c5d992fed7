// SPDX-License-Identifier: GPL-2.0

//! An owner must not be null, which is what a range without an owner has.

use core::ptr::NonNull;

use mnck::mmu_notifier::*;

fn owner(device: NonNull<u8>) -> Owner {
    //+ Owner::new(device)
    Owner::new(core::ptr::null_mut::<u8>()) //~ E0308
}
