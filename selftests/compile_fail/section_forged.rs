// SPDX-License-Identifier: GPL-2.0

//! A driver must not make up a read section: only a registration is notified when its pages are
//! invalidated.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn read<'s, F: IntervalFlavour>(
    registration: &'s IntervalRegistration<F>,
    task: &mut TaskContext,
) -> ReadSection<'s, F::Subscriber> {
    let begun = registration.read_begin(task);

    //+ begun
    ReadSection { ..begun } //~ E0451
}
