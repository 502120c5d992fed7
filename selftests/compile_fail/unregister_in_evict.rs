// SPDX-License-Identifier: GPL-2.0

//! A driver that holds a lock that callbacks take must not unregister a subscriber, which waits for
//! callbacks.

use kernel::sync::Mutex;
use mnck::mmu_notifier::*;

fn shrink<F: IntervalFlavour<Subscriber: IntervalSubscriber<UserLock = Mutex<usize>>>>(
    registration: &IntervalRegistration<F>,
    another: IntervalRegistration<F>,
    task: &mut TaskContext,
) {
    //+ registration.evict(task, |shadow| *shadow = 0);
    registration.evict(task, |_| another.unregister(task)); //~ E0500 //~ E0501
}
