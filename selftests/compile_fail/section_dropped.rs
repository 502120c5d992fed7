// SPDX-License-Identifier: GPL-2.0

//! A read section must not be dropped at once: it protects nothing then.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn read<F: IntervalFlavour>(registration: &IntervalRegistration<F>, task: &mut TaskContext) {
    //+ let section = registration.read_begin(task);
    registration.read_begin(task); //~ unused_must_use
}
