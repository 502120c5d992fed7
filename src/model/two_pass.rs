// SPDX-License-Identifier: GPL-2.0

//! A subscriber whose device takes time to stop, such as a GPU that runs a job on user pages.
//!
//! The first pass takes the pages away and tells the device to stop. The second pass waits until
//! the device has stopped: `drivers/gpu/drm/xe/xe_userptr.c`, where it waits for the fences of a
//! `dma_resv`. The lock is a spin lock, so this subscriber never refuses.

use core::pin::Pin;

use kernel::{
    prelude::*,
    sync::{
        SpinLock, //
    }, //
};

use super::statistics::{
    fact,
    Counting, //
};
use crate::{
    event::{
        self,
        Callback, //
    },
    mmu_notifier::{
        CallbackContext,
        IntervalSubscriber,
        Invalidate,
        Pass,
        Range,
        TwoPass,
        WouldBlock, //
    }, //
};

/// The subscriber: see the module's documentation.
pub(super) struct Userptr {
    statistics: Counting,
}

/// The state of the device, under the user lock.
pub(super) struct Binding {
    /// Whether the device must not use the pages until they are looked up again.
    stopped: bool,
}

/// A stop that was ordered from the device, which may not have stopped yet. A driver keeps here the
/// fence that signals the stop.
pub(super) struct Stop {
    /// The range that is invalidated.
    range: event::Range,
}

impl Userptr {
    /// Makes a subscriber that counts in `statistics`.
    pub(super) fn new(statistics: Counting) -> Self {
        Self { statistics }
    }
}

impl Binding {
    /// Makes the state of a device that was not ordered to stop yet.
    pub(super) fn new() -> Self {
        Self { stopped: false }
    }

    /// Tells the device to stop using the pages of `range`.
    fn stop(&mut self, range: &Range) -> Stop {
        self.stopped = true;
        Stop { range: fact(range) }
    }
}

#[vtable]
impl IntervalSubscriber for Userptr {
    /// Taken under the locks of mm. The lock of the statistics is taken under it.
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
        let mut scope = self.statistics.enter(Callback::Invalidate, Some(range));

        self.statistics
            .watch()
            .invalidated(fact(range), invalidation.sequence());
        let mut binding = invalidation.lock_atomic();
        let stop = binding.stop(range);

        self.statistics.open(range, &mut scope);
        Ok(Pass::Begun(binding.done(), stop))
    }

    fn finish(self: Pin<&Self>, stop: Stop, _context: CallbackContext<'_>) {
        let _scope = self.statistics.enter_end(Callback::Finish, stop.range);

        // A driver waits here until the device has stopped.
        self.statistics.end();
    }
}
