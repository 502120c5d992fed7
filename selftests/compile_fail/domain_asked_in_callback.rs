// SPDX-License-Identifier: GPL-2.0

//! Making a subscriber takes the mmap lock, which is held around callbacks.

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
