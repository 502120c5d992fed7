// SPDX-License-Identifier: GPL-2.0

//! An owner stands for something, and null for none.

use core::ptr::NonNull;

use mnck::mmu_notifier::*;

fn owner(device: NonNull<u8>) -> Owner {
    //+ Owner::new(device)
    Owner::new(core::ptr::null_mut::<u8>()) //~ E0308
}
