// SPDX-License-Identifier: GPL-2.0

//! A callback of a non-blockable range must not wait for a lock that sleeps.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn invalidate<'c, T: Interval>(
    invalidation: Invalidate<'_, 'c, T>,
    context: NoSleep<'c>,
) -> Result<Done<'c>, WouldBlock<'c>> {
    //+ Ok(invalidation.try_lock(&context)?.done())
    Ok(invalidation.lock(&context).done()) //~ E0308
}
