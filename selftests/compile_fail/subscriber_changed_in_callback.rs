// SPDX-License-Identifier: GPL-2.0

//! A callback must not change its subscriber without a lock: another callback may use it at the
//! same time.

use core::pin::Pin;

use kernel::prelude::*;
use mnck::mmu_notifier::*;

struct Guest {
    count: usize,
}

#[vtable]
impl Subscriber for Guest {}

impl Paired for Guest {
    fn start(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {
        //+ let count = self.count;
        self.count += 1; //~ E0594
    }

    fn end(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {}
}
