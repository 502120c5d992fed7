// SPDX-License-Identifier: GPL-2.0

//! The right to sleep in one callback must not be used in another one.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn invalidate<'k, 'c, T: Interval>(
    invalidation: Invalidate<'_, 'c, T>,
    context: &MaySleep<'c>,
    kept: &MaySleep<'k>,
) -> Done<'c> {
    //+ invalidation.lock(context).done()
    invalidation.lock(kept).done() //~ lifetime may not live long enough
}
