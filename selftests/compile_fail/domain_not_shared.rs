// SPDX-License-Identifier: GPL-2.0

//! Subscribers have the address of their domain's table, and keep it.

use kernel::{
    mm::MmWithUser,
    prelude::*,
    sync::Arc, //
};
use mnck::mmu_notifier::*;

fn get<F: Flavour<Subscriber: Shared>>(
    //+ domain: &Arc<Domain<F>>,
    domain: &Domain<F>,
    user: &MmWithUser,
    task: &mut TaskContext,
) -> Result<SharedRef<F>> {
    domain.get(user, task) //~ E0599
}
