// SPDX-License-Identifier: GPL-2.0

//! A driver must not make up the proof that it has handled an invalidation.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn invalidate<'c, T: Interval>(
    invalidation: Invalidate<'_, 'c, T>,
    context: &MaySleep<'c>,
) -> Done<'c> {
    //+ invalidation.lock(context).done()
    Done(core::marker::PhantomData) //~ E0423
}
