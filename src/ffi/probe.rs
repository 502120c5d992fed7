// SPDX-License-Identifier: GPL-2.0

//! Whether a task sleeps, and probes that see what it might have slept for, even if it did not.
//!
//! C header: [`probes.h`](probes.h)

use core::mem::MaybeUninit;

use kernel::{
    ffi::c_int,
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

pub(crate) use probes_generated::mnck_probe_seen;

use probes_generated::{
    mnck_probe_begin,
    mnck_probe_end,
    mnck_probe_end_observed,
    mnck_probe_forget_observed,
    mnck_probe_might_sleep,
    mnck_probe_register_sleeps,
    mnck_probe_unregister_sleeps, //
};

use super::Current;

/// The probe that counts sleeps on a `PREEMPT_RT` kernel, registered until this is dropped. The drop
/// sleeps.
pub(crate) struct SleepProbe(());

impl SleepProbe {
    /// Registers the probe, which must not be registered yet, if the kernel is `PREEMPT_RT`. Logs it
    /// if that is impossible. May sleep.
    pub(crate) fn new() -> Self {
        // SAFETY: The probe is in this module, which drops this before it is unloaded, and after the
        // last callback.
        unsafe { mnck_probe_register_sleeps() };
        Self(())
    }
}

impl Drop for SleepProbe {
    fn drop(&mut self) {
        // SAFETY: `new()` has registered the probe, if there is one.
        unsafe { mnck_probe_unregister_sleeps() };
    }
}

/// A section of code in which the current task is watched for sleeps.
///
/// Sections nest, and what the probes see is recorded in the innermost section. A section that is
/// leaked stays in the table of sections, as an outer section of all later sections of the task.
pub(crate) struct Section {
    /// The number of the section in the table, or `None` if no probe watches it.
    probed: Option<c_int>,
    /// The voluntary context switches of the task before the section.
    switches: usize,
    _task: NotThreadSafe,
}

impl Section {
    /// Begins a section. Never sleeps.
    pub(crate) fn begin() -> Self {
        // SAFETY: `end()`, in the same task, is given the number.
        let section = unsafe { mnck_probe_begin(false) };

        Self {
            probed: (section >= 0).then_some(section),
            switches: Current::get().voluntary_switches(),
            _task: NotThreadSafe,
        }
    }

    /// Ends the section. Returns how often the task slept in it, and what the task might have slept
    /// for, if anything.
    pub(crate) fn end(self) -> (usize, Option<MightSleep>) {
        let switches = Current::get()
            .voluntary_switches()
            .wrapping_sub(self.switches);
        let mut sleeps = 0;
        let might_sleep = self.probed.and_then(|section| {
            let mut found = MaybeUninit::uninit();

            // SAFETY: The number is that of a section that the current task has begun. If the
            // return value is true `found` was written.
            unsafe {
                mnck_probe_end(section, &raw mut sleeps, found.as_mut_ptr())
                    .then(|| MightSleep(found.assume_init()))
            }
        });

        if !cfg!(CONFIG_PREEMPT_RT) {
            sleeps = switches;
        }
        (sleeps, might_sleep)
    }
}

/// What the current task did in a section.
pub(crate) type Seen = mnck_probe_seen;

/// A section whose end may never come, as a number: that of the callback of another driver.
#[derive(Clone, Copy)]
pub(crate) struct ObservedSection(c_int);

impl ObservedSection {
    /// No section.
    pub(crate) const NONE: Self = Self(-1);

    /// Begins a section. Never sleeps.
    pub(crate) fn begin() -> Self {
        // SAFETY: The section is ended by its number, or by `forget_all()`.
        Self(unsafe { mnck_probe_begin(true) })
    }

    /// Returns whether it is a section.
    #[inline(always)]
    pub(crate) fn is_some(self) -> bool {
        self.0 >= 0
    }

    /// Ends the section, and returns what the current task did in it.
    pub(crate) fn end(self) -> Seen {
        // SAFETY: Any number does no harm.
        unsafe { mnck_probe_end_observed(self.0) }
    }

    /// Ends all such sections, whose callbacks are not observed any more.
    pub(crate) fn forget_all() {
        // SAFETY: No task will end them.
        unsafe { mnck_probe_forget_observed() };
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

    /// Returns whether the task has called `schedule()`.
    pub(crate) fn scheduled(&self) -> bool {
        self.0.scheduled
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
