// SPDX-License-Identifier: GPL-2.0

//! A subscriber whose device takes time to stop, as a GPU that runs a job on user pages does.
//!
//! The first pass takes away the pages and tells the device to stop, the second waits until it has:
//! `drivers/gpu/drm/xe/xe_userptr.c`, where both are about the fences of a `dma_resv`. Its lock is
//! a spin lock, so it never refuses.

use core::pin::Pin;

use kernel::{
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    }, //
};

use super::statistics::Statistics;
use crate::{
    check::Callback,
    mmu_notifier::{
        CallbackContext,
        IntervalSubscriber,
        Invalidate,
        Pass,
        Range,
        RangeId,
        TwoPass,
        WouldBlock, //
    }, //
};

/// See the module's documentation.
pub(super) struct Userptr {
    statistics: Arc<Statistics>,
}

/// What the device may do with the pages.
pub(super) struct Binding {
    /// Whether the device must not use them any more, until they are looked up again.
    stopped: bool,
}

/// A stop that the device was told, and may not have come to yet. A driver's has the fence that
/// tells when.
pub(super) struct Stop {
    /// For which range.
    id: RangeId,
}

impl Userptr {
    /// A subscriber that counts in `statistics`.
    pub(super) fn new(statistics: Arc<Statistics>) -> Self {
        Self { statistics }
    }
}

impl Binding {
    /// That of a device that was never told to stop.
    pub(super) fn new() -> Self {
        Self { stopped: false }
    }

    /// Tells the device to stop, for `range`.
    fn stop(&mut self, range: &Range) -> Stop {
        self.stopped = true;
        Stop { id: range.id() }
    }
}

#[vtable]
impl IntervalSubscriber for Userptr {
    /// The lock is taken under the locks of mm; the statistics' lock nests within.
    type UserLock = SpinLock<Binding>;
}

impl TwoPass for Userptr {
    type Finish = Stop;

    fn start<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        _context: CallbackContext<'c>,
    ) -> Result<Pass<'c, Stop>, WouldBlock<'c>> {
        let range = invalidation.range();
        let _scope = self.statistics.enter(Callback::Invalidate, Some(range));

        self.statistics.watch().told(range, invalidation.sequence());
        let mut binding = invalidation.lock_atomic();
        let stop = binding.stop(range);

        self.statistics.open(range);
        Ok(Pass::Begun(binding.done(), stop))
    }

    fn finish(self: Pin<&Self>, stop: Stop, _context: CallbackContext<'_>) {
        let _scope = self.statistics.watch().enter_id(Callback::Finish, stop.id);

        // Here a driver waits until the device has come to the stop.
        self.statistics.end_id(stop.id);
    }
}
