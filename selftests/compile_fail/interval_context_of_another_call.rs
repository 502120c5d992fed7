// SPDX-License-Identifier: GPL-2.0

//! What one call may do, another may not.

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
