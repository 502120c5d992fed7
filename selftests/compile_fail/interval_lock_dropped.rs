// SPDX-License-Identifier: GPL-2.0

//! Taking the user lock does not complete an invalidation: the callback must use the result.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn invalidate<'c, T: Interval>(invalidation: Invalidate<'_, 'c, T>, context: &MaySleep<'c>) {
    //+ let done = invalidation.lock(context).done();
    invalidation.lock(context); //~ unused_must_use
}
