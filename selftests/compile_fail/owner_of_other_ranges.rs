// SPDX-License-Identifier: GPL-2.0

//! What a range says of its owner is compared, and no more: else all migrations would be one's own.

use mnck::mmu_notifier::*;

fn is_own(range: &Range, device: Owner) -> bool {
    //+ range.is_owned_by(device)
    range.owner() == Some(device) //~ E0599
}
