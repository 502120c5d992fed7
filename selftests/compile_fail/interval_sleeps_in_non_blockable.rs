// SPDX-License-Identifier: GPL-2.0

//! A lock that sleeps is not to be waited for where nothing may sleep.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn invalidate<'c, T: Interval>(
    invalidation: Invalidate<'_, 'c, T>,
    context: NoSleep<'c>,
) -> Result<Done<'c>, WouldBlock<'c>> {
    //+ Ok(invalidation.try_lock(&context)?.done())
    Ok(invalidation.lock(&context).done()) //~ E0308
}
