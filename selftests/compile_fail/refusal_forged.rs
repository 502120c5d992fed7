// SPDX-License-Identifier: GPL-2.0

//! A driver must not make up a refusal: only the context of a non-blockable range gives one.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn refuse<'c>(context: &NoSleep<'c>) -> WouldBlock<'c> {
    //+ context.would_block()
    WouldBlock(core::marker::PhantomData) //~ E0423
}
