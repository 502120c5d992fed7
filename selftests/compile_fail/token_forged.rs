// SPDX-License-Identifier: GPL-2.0

//! A driver must not make up the right to sleep: the abstraction gives it to a callback of a
//! blockable range.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn callback(given: MaySleep<'_>) -> MaySleep<'_> {
    //+ given
    MaySleep(kernel::types::NotThreadSafe, core::marker::PhantomData) //~ E0423
}
