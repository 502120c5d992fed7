// SPDX-License-Identifier: GPL-2.0

//! One call's refusal is not another's.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn refuse<'k, 'c>(kept: WouldBlock<'k>, context: &NoSleep<'c>) -> WouldBlock<'c> {
    //+ context.would_block()
    kept //~ lifetime may not live long enough
}
