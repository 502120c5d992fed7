// SPDX-License-Identifier: GPL-2.0

//! A refusal must be returned: it has no effect otherwise.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn refuse(context: &NoSleep<'_>) {
    //+
    context.would_block(); //~ unused_must_use
}
