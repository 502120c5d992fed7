// SPDX-License-Identifier: GPL-2.0

//! A driver must not make up a range: ranges come from core mm.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn start(given: &Range) {
    //+ let range = given;
    let range = &Range(kernel::types::Opaque::zeroed()); //~ E0423
}
