// SPDX-License-Identifier: GPL-2.0

//! A subscriber that may refuse, as RDMA on-demand paging did in 2019.
//!
//! Each start needs the subscriber's lock. Where it may sleep it waits for the lock, elsewhere it
//! tries, and refuses if the lock is taken. What it does not model is the end that ODP had as well:
//! the core has since forbidden an end to whoever may refuse.

use core::pin::Pin;

use kernel::{
    mm::Mm,
    prelude::*,
    sync::Arc,
    time::Msecs, //
};

use super::Statistics;
use crate::{
    ffi::Semaphore,
    mmu_notifier::{
        CallbackContext,
        Fallible,
        Range,
        Subscriber,
        WouldBlock, //
    },
};

/// How long a start waits for the lock, in ms.
///
/// A driver's lock is held by a driver, which lets go of it. This one is held by a user, who may
/// not, or cannot: the holder's exit may wait for the very start that waits for the lock, since the
/// mm goes before the files and each release waits for every callback. Kernel threads wait here
/// too, and nobody can kill them. So a start that has waited for this long goes on without the
/// lock, there being nothing that it protects.
const WAIT_LIMIT: Msecs = 10_000;

/// See the module's documentation.
#[pin_data]
pub(crate) struct Trylock {
    statistics: Arc<Statistics>,

    /// The lock. It protects nothing but stands for what a driver would protect. A semaphore, since
    /// a session keeps it across system calls.
    ///
    /// A start takes it under the locks of mm, then the statistics' lock.
    #[pin]
    lock: Semaphore,
}

impl Trylock {
    /// A subscriber that counts in `statistics`, with its lock free.
    pub(crate) fn new(statistics: Arc<Statistics>) -> impl PinInit<Self> {
        pin_init!(Self {
            statistics,
            lock <- Semaphore::new(),
        })
    }

    /// Takes the lock, to be given back by [`release_lock`](Self::release_lock).
    ///
    /// Waits for a start that has it, and fails with [`EINTR`] if a signal comes first. From here
    /// on blockable invalidations of the mm wait, so the caller must then neither allocate with
    /// direct reclaim nor touch user memory before it can be told to release the lock.
    pub(super) fn hold_lock(&self) -> Result {
        self.lock.down_interruptible()?.keep();
        Ok(())
    }

    /// Gives the lock back. Never sleeps.
    pub(super) fn release_lock(&self) {
        self.lock.up();
    }
}

#[vtable]
impl Subscriber for Trylock {
    fn release(self: Pin<&Self>, _mm: &Mm) {
        self.statistics.release();
    }
}

impl Fallible for Trylock {
    fn start<'c>(
        self: Pin<&Self>,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<(), WouldBlock<'c>> {
        let _guard = match context {
            CallbackContext::Blockable(_) => self.lock.down_limited(WAIT_LIMIT),
            CallbackContext::NonBlockable(context) => match self.lock.try_down() {
                Some(guard) => Some(guard),
                None => {
                    self.statistics.refuse(range);
                    return Err(context.would_block());
                }
            },
        };

        self.statistics.start(range);
        Ok(())
    }
}
