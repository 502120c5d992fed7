// SPDX-License-Identifier: GPL-2.0

//! The proof that one invalidation was handled must not be returned for another one.

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
