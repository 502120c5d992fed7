// SPDX-License-Identifier: GPL-2.0

//! The proof that an invalidation was dealt with comes from having done it.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn invalidate<'c, T: Interval>(
    invalidation: Invalidate<'_, 'c, T>,
    context: &MaySleep<'c>,
) -> Done<'c> {
    //+ invalidation.lock(context).done()
    Done(core::marker::PhantomData) //~ E0423
}
