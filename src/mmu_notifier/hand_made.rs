// SPDX-License-Identifier: GPL-2.0

//! Ranges made by hand, for tests that need no address space.

use core::ptr;

use kernel::{
    bindings,
    prelude::*,
    types::Opaque, //
};

use super::{
    CallbackContext,
    Range, //
};

/// A range of an address space of which nothing but the address is used.
pub(crate) struct HandMade {
    range: KBox<Opaque<bindings::mmu_notifier_range>>,
    _mm: KBox<Opaque<bindings::mm_struct>>,
}

impl HandMade {
    /// A range that is open, as far as it can be.
    pub(crate) fn new(blockable: bool) -> Result<Self> {
        let mm = KBox::new(Opaque::zeroed(), GFP_KERNEL)?;
        let range = Opaque::new(bindings::mmu_notifier_range {
            mm: Opaque::get(&mm),
            start: 0x1000,
            end: 0x3000,
            flags: if blockable {
                bindings::MMU_NOTIFIER_RANGE_BLOCKABLE
            } else {
                0
            },
            event: bindings::mmu_notifier_event_MMU_NOTIFY_CLEAR,
            owner: ptr::null_mut(),
        });

        Ok(Self {
            range: KBox::new(range, GFP_KERNEL)?,
            _mm: mm,
        })
    }

    /// The range.
    pub(crate) fn range(&self) -> &Range {
        // SAFETY: It is initialised, never changed, and lives as long as `self`; and so does its mm,
        // as far as it is used.
        unsafe { Range::from_raw(self.range.get()) }
    }

    /// Calls `callback` as a trampoline does.
    pub(crate) fn call<R>(
        &self,
        callback: impl for<'c> FnOnce(&Range, CallbackContext<'c>) -> R,
    ) -> R {
        CallbackContext::enter(self.range().is_blockable(), |context| {
            callback(self.range(), context)
        })
    }
}
