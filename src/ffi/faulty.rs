// SPDX-License-Identifier: GPL-2.0

//! The callback tables of the faulty drivers.
//!
//! C header: [`faulty.h`](../model/faulty/faulty.h)

use kernel::bindings::{
    mmu_interval_notifier_ops,
    mmu_notifier,
    mmu_notifier_ops, //
};

#[allow(clippy::all, improper_ctypes, missing_docs, unreachable_pub)]
mod faulty_generated {
    use kernel::{
        bindings::{
            bool_,
            mmu_interval_notifier_ops,
            mmu_notifier,
            mmu_notifier_ops, //
        },
        ffi, //
    };

    include!(concat!(env!("MNCK_GENERATED"), "/faulty_generated.rs"));
}

use faulty_generated::{
    mnck_faulty_complains,
    mnck_faulty_interval_ops,
    mnck_faulty_ops, //
};

/// Returns the table of the driver that makes the mistake `fault` in the callback `place`, if there
/// is one.
pub(crate) fn ops(fault: u32, place: u32) -> Option<&'static mmu_notifier_ops> {
    // SAFETY: The function accepts all numbers. It returns null or a constant of this module.
    unsafe { mnck_faulty_ops(fault, place).as_ref() }
}

/// Returns the table of the interval driver that makes the mistake `fault`, if there is one.
pub(crate) fn interval_ops(fault: u32) -> Option<&'static mmu_interval_notifier_ops> {
    // SAFETY: As in `ops()`.
    unsafe { mnck_faulty_interval_ops(fault).as_ref() }
}

/// Returns whether the driver received an end without a start: true once for each such end.
///
/// # Safety
///
/// `subscription` must be valid. If its table is one that [`ops`] returns and has an
/// `alloc_notifier`, that must have allocated it.
pub(crate) unsafe fn complains(subscription: *mut mmu_notifier) -> bool {
    // SAFETY: By the safety requirements of this function.
    unsafe { mnck_faulty_complains(subscription) }
}
