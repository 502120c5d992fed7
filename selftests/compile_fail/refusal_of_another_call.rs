// SPDX-License-Identifier: GPL-2.0

//! The refusal of one range must not be returned for another one.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn refuse<'k, 'c>(kept: WouldBlock<'k>, context: &NoSleep<'c>) -> WouldBlock<'c> {
    //+ context.would_block()
    kept //~ lifetime may not live long enough
}
