// SPDX-License-Identifier: GPL-2.0

//! Probes that see what a task might have slept for, even if it did not sleep.
//!
//! C header: [`probes.h`](probes.h)

use core::mem::MaybeUninit;

use kernel::{
    prelude::*,
    types::NotThreadSafe, //
};

#[allow(
    clippy::all,
    dead_code,
    missing_docs,
    non_camel_case_types,
    unreachable_pub
)]
mod probes_generated {
    use kernel::ffi;

    include!(concat!(env!("MNCK_GENERATED"), "/probes_generated.rs"));
}

use probes_generated::{
    mnck_probe_begin,
    mnck_probe_end,
    mnck_probe_might_sleep, //
};

/// A section of code in which the probes watch the current task.
///
/// Sections nest, and what the task does is recorded in the innermost section. A section that is
/// leaked stays in the table of sections, as an outer section of all later sections of the task.
pub(crate) struct Section(i32, NotThreadSafe);

impl Section {
    /// Begins a section. Returns `None` if the probes are not registered or too many sections are
    /// in use. Never sleeps.
    pub(crate) fn begin() -> Option<Self> {
        // SAFETY: `end()`, in the same task, is given the number.
        let section = unsafe { mnck_probe_begin() };

        (section >= 0).then_some(Self(section, NotThreadSafe))
    }

    /// Ends the section, and returns what the task might have slept for in it, if anything.
    pub(crate) fn end(self) -> Option<MightSleep> {
        let mut might_sleep = MaybeUninit::uninit();

        // SAFETY: The number is that of a section that the current task has begun. If the return
        // value is true `might_sleep` was written.
        unsafe {
            mnck_probe_end(self.0, might_sleep.as_mut_ptr())
                .then(|| MightSleep(might_sleep.assume_init()))
        }
    }
}

/// What a task might have slept for in a section.
pub(crate) struct MightSleep(mnck_probe_might_sleep);

impl MightSleep {
    /// Returns the first lock for which the task would have slept if it had not been free, and the
    /// function that took the lock.
    pub(crate) fn lock(&self) -> Option<(&CStr, &CStr)> {
        Some((name(&self.0.lock)?, name(&self.0.locked_in)?))
    }

    /// Returns the first function that allocated memory with direct reclaim.
    pub(crate) fn allocated_in(&self) -> Option<&CStr> {
        name(&self.0.allocated_in)
    }
}

/// Returns the name in `bytes`, or `None` if it is empty.
fn name(bytes: &[u8]) -> Option<&CStr> {
    CStr::from_bytes_until_nul(bytes)
        .ok()
        .filter(|name| !name.is_empty())
}
