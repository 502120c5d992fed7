// SPDX-License-Identifier: GPL-2.0

//! A refusal that is not returned refuses nothing.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn refuse(context: &NoSleep<'_>) {
    //+
    context.would_block(); //~ unused_must_use
}
