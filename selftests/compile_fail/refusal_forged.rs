// SPDX-License-Identifier: GPL-2.0

//! A refusal comes from a token of a non-blockable range alone.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn refuse<'c>(context: &NoSleep<'c>) -> WouldBlock<'c> {
    //+ context.would_block()
    WouldBlock(core::marker::PhantomData) //~ E0423
}
