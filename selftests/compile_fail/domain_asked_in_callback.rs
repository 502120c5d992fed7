// SPDX-License-Identifier: GPL-2.0

//! A callback must not get a shared subscriber: that takes the mmap lock, which the task may
//! already hold around the callback.

use kernel::{
    mm::MmWithUser,
    prelude::*,
    sync::Arc, //
};
use mnck::mmu_notifier::*;

fn callback<F: Flavour<Subscriber: Shared>>(
    domain: &Arc<Domain<F>>,
    user: &MmWithUser,
    context: &MaySleep<'_>,
    task: &mut TaskContext,
) -> Result<SharedRef<F>> {
    //+ domain.get(user, task)
    domain.get(user, context) //~ E0308
}
