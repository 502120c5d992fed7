// SPDX-License-Identifier: GPL-2.0

//! Seeing who might sleep, though this time he did not.
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
    mnck_probe_might_sleep,
    mnck_probe_register,
    mnck_probe_unregister, //
};

/// The probes, until this is dropped, which sleeps. Without tracepoints there are none.
pub(crate) struct Probes(());

impl Probes {
    /// Registers them. There must be no other; may sleep.
    pub(crate) fn new() -> Self {
        // SAFETY: They are in this module, which drops this before it goes.
        unsafe { mnck_probe_register() };
        Self(())
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        // SAFETY: `new()` has registered them.
        unsafe { mnck_probe_unregister() };
    }
}

/// A stretch of code of the current task, in which it is watched.
///
/// If it is leaked, later stretches of the task have a deeper one than they are themselves.
pub(crate) struct Section(i32, NotThreadSafe);

impl Section {
    /// Begins a stretch; there may be no room for it.
    pub(crate) fn begin() -> Option<Self> {
        // SAFETY: `end()`, in the same task, is given the number.
        let section = unsafe { mnck_probe_begin() };

        (section >= 0).then_some(Self(section, NotThreadSafe))
    }

    /// Ends it, and what was done in it, if that was anything.
    pub(crate) fn end(self) -> Option<MightSleep> {
        let mut might_sleep = MaybeUninit::uninit();

        // SAFETY: The number is that of a stretch that the current task has begun. If the return
        // value is true `might_sleep` was written.
        unsafe {
            mnck_probe_end(self.0, might_sleep.as_mut_ptr())
                .then(|| MightSleep(might_sleep.assume_init()))
        }
    }
}

/// What a task did and had luck with.
pub(crate) struct MightSleep(mnck_probe_might_sleep);

impl MightSleep {
    /// The first lock that it would have slept for, had it not been free, and the function that
    /// took it.
    pub(crate) fn lock(&self) -> Option<(&CStr, &CStr)> {
        Some((name(&self.0.lock)?, name(&self.0.locked_in)?))
    }

    /// The function that first allocated memory with direct reclaim.
    pub(crate) fn allocated_in(&self) -> Option<&CStr> {
        name(&self.0.allocated_in)
    }
}

/// The name in `bytes`, if there is one.
fn name(bytes: &[u8]) -> Option<&CStr> {
    CStr::from_bytes_until_nul(bytes)
        .ok()
        .filter(|name| !name.is_empty())
}
