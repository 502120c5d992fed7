// SPDX-License-Identifier: GPL-2.0

//! A driver can only compare its own owner with that of a range. If it could read that owner, it
//! could take all migrations for its own.

use mnck::mmu_notifier::*;

fn is_own(range: &Range, device: Owner) -> bool {
    //+ range.is_owned_by(device)
    range.owner() == Some(device) //~ E0599
}
