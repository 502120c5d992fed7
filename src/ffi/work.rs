// SPDX-License-Identifier: GPL-2.0

//! Work items, which do for probes what may sleep.

use super::{
    mnck_helper_work_finish,
    mnck_helper_work_init,
    mnck_helper_work_queue,
    mnck_helper_work_stop, //
};

/// The work items that there are.
#[derive(Clone, Copy)]
pub(crate) enum WorkItem {
    /// Reports what probes have found.
    Report,
    /// Probes the callbacks of drivers that were found.
    Arm,
}

/// The function of a work item, until this is dropped. The drop sleeps.
pub(crate) struct Work(WorkItem);

impl Work {
    /// Gives the work item `item` its `function`, which may sleep. The item has no function yet.
    pub(crate) fn new(item: WorkItem, function: extern "C" fn()) -> Self {
        // SAFETY: The item is not queued: the last `Work` of it was dropped.
        unsafe { mnck_helper_work_init(item as u32, Some(function)) };
        Self(item)
    }

    /// Queues the work item: its function is called soon, once, by a kernel thread. Never sleeps.
    pub(crate) fn queue(item: WorkItem) {
        // SAFETY: All probes, which queue items, are unregistered before the `Work` is dropped.
        unsafe { mnck_helper_work_queue(item as u32) };
    }

    /// Waits until the function of the work item has done all for which the item was queued before.
    /// Sleeps, and must not be called by the function of an item, nor with a lock that it takes.
    pub(crate) fn finish(item: WorkItem) {
        // SAFETY: This may sleep. The item was initialised before there was a device.
        unsafe { mnck_helper_work_finish(item as u32) };
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // SAFETY: This may sleep.
        unsafe { mnck_helper_work_stop(self.0 as u32) };
    }
}
