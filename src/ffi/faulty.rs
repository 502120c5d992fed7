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

/// The table whose callback at `place` has the `fault`; if there is one.
pub(crate) fn ops(fault: u32, place: u32) -> Option<&'static mmu_notifier_ops> {
    // SAFETY: It takes any numbers. What it returns is null or a constant of this module.
    unsafe { mnck_faulty_ops(fault, place).as_ref() }
}

/// The same of an interval driver.
pub(crate) fn interval_ops(fault: u32) -> Option<&'static mmu_interval_notifier_ops> {
    // SAFETY: As in `ops()`.
    unsafe { mnck_faulty_interval_ops(fault).as_ref() }
}

/// Whether a driver was ended once more often than started, of which it complains once.
///
/// # Safety
///
/// `subscription` must be valid, and if its table is one of [`ops`] it must come from there.
pub(crate) unsafe fn complains(subscription: *mut mmu_notifier) -> bool {
    // SAFETY: By the duties of this function.
    unsafe { mnck_faulty_complains(subscription) }
}
