// SPDX-License-Identifier: GPL-2.0

//! One call's proof is not another's.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn invalidate<'k, 'c, T: Interval>(
    kept: Done<'k>,
    invalidation: Invalidate<'_, 'c, T>,
    context: &MaySleep<'c>,
) -> Done<'c> {
    //+ invalidation.lock(context).done()
    kept //~ lifetime may not live long enough
}
