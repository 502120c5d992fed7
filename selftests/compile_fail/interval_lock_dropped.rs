// SPDX-License-Identifier: GPL-2.0

//! Taking the user lock does not conclude an invalidation.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn invalidate<'c, T: Interval>(invalidation: Invalidate<'_, 'c, T>, context: &MaySleep<'c>) {
    //+ let done = invalidation.lock(context).done();
    invalidation.lock(context); //~ unused_must_use
}
