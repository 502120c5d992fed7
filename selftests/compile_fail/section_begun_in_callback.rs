// SPDX-License-Identifier: GPL-2.0

//! A callback must not begin a read section: that waits until the invalidation ends, which waits
//! for the callback.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn callback<F: IntervalFlavour>(
    registration: &IntervalRegistration<F>,
    context: &MaySleep<'_>,
    task: &mut TaskContext,
) {
    //+ let section = registration.read_begin(task);
    let section = registration.read_begin(context); //~ E0308
}
