// SPDX-License-Identifier: GPL-2.0

//! A driver must not take a shared user lock itself: only an invalidation and a registration take
//! it.

use kernel::sync::lock::mutex::MutexBackend;
use mnck::mmu_notifier::*;

fn install<F>(
    registration: &IntervalRegistration<F>,
    shared: &SharedLock<usize, MutexBackend>,
    task: &mut TaskContext,
) -> usize
where
    F: IntervalFlavour<Subscriber: IntervalSubscriber<UserLock = SharedLock<usize, MutexBackend>>>,
{
    let _ = (registration, shared, &task);
    //+ *registration.lock(task)
    *shared.lock() //~ E0599
}
