// SPDX-License-Identifier: GPL-2.0

//! A match on the event must cover `Unknown`: a later kernel may have more events.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn matters(event: Event) -> bool {
    match event {
        //+ Event::Unknown(_) => true,
        //~^^ E0004
        Event::Unmap | Event::Clear | Event::Migrate | Event::Exclusive | Event::Release => true,
        Event::ProtectionVma | Event::ProtectionPage | Event::SoftDirty => false,
    }
}
