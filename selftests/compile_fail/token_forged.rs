// SPDX-License-Identifier: GPL-2.0

//! The right to sleep is given, not taken.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn callback(given: MaySleep<'_>) -> MaySleep<'_> {
    //+ given
    MaySleep(kernel::types::NotThreadSafe, core::marker::PhantomData) //~ E0423
}
