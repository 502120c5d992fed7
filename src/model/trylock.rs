// SPDX-License-Identifier: GPL-2.0

//! A subscriber that may refuse, as RDMA on-demand paging did in 2019.
//!
//! Each start needs the subscriber's lock. Where it may sleep it waits for the lock, elsewhere it
//! tries, and refuses if the lock is taken. ODP had an end as well. The core has since forbidden an
//! end to whoever may refuse, so this one has it in a chain only.

use core::pin::Pin;

use kernel::{
    mm::Mm,
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    }, //
};

use super::{
    chain_member::CountingMember,
    statistics::Statistics,
    wait_limit::wait_limit, //
};
use crate::{
    check::Callback,
    ffi::{
        Semaphore,
        SemaphoreGuard, //
    },
    mmu_notifier::{
        CallbackContext,
        Fallible,
        Range,
        Subscriber,
        WouldBlock, //
    },
};

/// See the module's documentation.
#[pin_data]
pub(crate) struct Trylock {
    statistics: Arc<Statistics>,

    /// Whether the session holds `lock`. Taken before it, by the session alone.
    #[pin]
    held: Mutex<bool>,

    /// The lock. It protects nothing but stands for what a driver would protect. A semaphore, since
    /// a session keeps it across system calls.
    ///
    /// A start takes it under the locks of mm, then the statistics' lock. One that has waited for
    /// [`wait_limit`] goes on without it, there being nothing that it protects.
    #[pin]
    lock: Semaphore,
}

impl Trylock {
    /// A subscriber that counts in `statistics`, with its lock free.
    pub(super) fn new(statistics: Arc<Statistics>) -> impl PinInit<Self> {
        pin_init!(Self {
            statistics,
            held <- new_mutex!(false, "Trylock::held"),
            lock <- Semaphore::new(),
        })
    }

    /// Takes the lock for the session. Waits for a start that has it.
    ///
    /// From here on blockable invalidations of the mm wait, so the caller must then neither
    /// allocate with direct reclaim nor touch user memory before it can be told to release the
    /// lock.
    ///
    /// # Errors
    ///
    /// - [`EBUSY`]: the session holds it already.
    /// - [`EINTR`]: a signal came.
    pub(crate) fn hold_lock(&self) -> Result {
        let mut held = self.held.lock();

        if *held {
            return Err(EBUSY);
        }
        self.lock.down_interruptible()?.keep();
        *held = true;
        Ok(())
    }

    /// Takes the lock for a start: waits for it, but not for ever, or tries. Counts what it refuses.
    fn take<'c>(
        &self,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<Option<SemaphoreGuard<'_>>, WouldBlock<'c>> {
        match context {
            CallbackContext::Blockable(_) => Ok(self.lock.down_limited(wait_limit()).ok()),
            CallbackContext::NonBlockable(context) => match self.lock.try_down() {
                Some(guard) => Ok(Some(guard)),
                None => {
                    self.statistics.refuse(range);
                    self.statistics.watch().refused(range);
                    Err(context.would_block())
                }
            },
        }
    }

    /// Gives the lock back.
    ///
    /// # Errors
    ///
    /// - [`ENOLCK`]: the session does not hold it.
    pub(crate) fn release_lock(&self) -> Result {
        let mut held = self.held.lock();

        if !*held {
            return Err(ENOLCK);
        }
        *held = false;
        self.lock.up();
        Ok(())
    }
}

#[vtable]
impl Subscriber for Trylock {
    fn release(self: Pin<&Self>, _mm: &Mm) {
        let _scope = self.statistics.enter(Callback::Release, None);

        self.statistics.release();
    }
}

impl Fallible for Trylock {
    fn start<'c>(
        self: Pin<&Self>,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<(), WouldBlock<'c>> {
        let _scope = self.statistics.enter(Callback::Start, Some(range));
        let _guard = self.take(range, context)?;

        self.statistics.start(range);
        Ok(())
    }
}

impl CountingMember for Trylock {
    type Guard<'a> = Option<SemaphoreGuard<'a>>;

    fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    fn admit<'a, 'c>(
        &'a self,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<Option<SemaphoreGuard<'a>>, WouldBlock<'c>> {
        self.take(range, context)
    }
}
