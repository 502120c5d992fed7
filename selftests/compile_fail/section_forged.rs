// SPDX-License-Identifier: GPL-2.0

//! A section without a registration: nobody would say that its pages go.

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
