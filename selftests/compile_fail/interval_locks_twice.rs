// SPDX-License-Identifier: GPL-2.0

//! An invalidation must not be completed twice.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn invalidate<'c, T: Interval>(invalidation: Invalidate<'_, 'c, T>, context: &MaySleep<'c>) {
    let done = invalidation.lock(context).done();
    //+
    let again = invalidation.lock(context).done(); //~ E0382
}
