// SPDX-License-Identifier: GPL-2.0

//! A work item that runs now and then.

use super::{
    mnck_helper_sweep_finish,
    mnck_helper_sweep_init,
    mnck_helper_sweep_queue,
    mnck_helper_sweep_soon,
    mnck_helper_sweep_stop, //
};

/// The work item, of which there is one. The drop sleeps until it does not run any more.
pub(crate) struct Sweeper(());

impl Sweeper {
    /// Makes the work item. Once it is [queued](queue_sweep) it calls `once` after a second, and
    /// then every second, until `once` returns false.
    pub(crate) fn new(once: extern "C" fn() -> bool) -> Self {
        // SAFETY: The work item is not queued: the last one was stopped.
        unsafe { mnck_helper_sweep_init(Some(once)) };
        Self(())
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        // SAFETY: This may sleep.
        unsafe { mnck_helper_sweep_stop() };
    }
}

/// Sweeps at once, and returns when that is done. May sleep.
pub(crate) fn finish_sweep() {
    // SAFETY: `Sweeper::new()` has set the function, and this may sleep.
    unsafe { mnck_helper_sweep_finish() };
}

/// Lets the work item, which must exist, call its function at once. Never sleeps.
pub(crate) fn sweep_soon() {
    // SAFETY: `Sweeper::new()` has set the function.
    unsafe { mnck_helper_sweep_soon() };
}

/// Queues the work item, which must exist, unless it is queued. Never sleeps.
pub(crate) fn queue_sweep() {
    // SAFETY: `Sweeper::new()` has set the function.
    unsafe { mnck_helper_sweep_queue() };
}
