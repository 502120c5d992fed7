// SPDX-License-Identifier: GPL-2.0

//! A callback must not keep a reference to the range, which is on the initiator's stack.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn start<'k>(last: &mut Option<&'k Range>, range: &'_ Range) {
    //+ *last = None;
    *last = Some(range); //~ E0621
}
