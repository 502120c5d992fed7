// SPDX-License-Identifier: GPL-2.0

//! `Domain::get()` needs the `Arc`: each shared subscriber keeps a reference to the domain, whose
//! callback table it uses.

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
