// SPDX-License-Identifier: GPL-2.0

//! A subscriber that may refuse, as RDMA on-demand paging (ODP) did in 2019.
//!
//! Each start needs the subscriber's lock. A start that may sleep waits for the lock; another start
//! tries to take it, and refuses if it is taken. ODP also had an end. The core has since forbidden
//! an end for subscribers that may refuse, so this subscriber has an end only in a chain.

use core::pin::Pin;

use kernel::{
    mm::Mm,
    new_mutex,
    prelude::*,
    sync::{
        Mutex, //
    }, //
};

use super::{
    chain_member::CountingMember,
    statistics::{
        fact,
        Counting,
        Statistics, //
    },
    wait_limit::CallbackWait, //
};
use crate::{
    event::Callback,
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

/// The subscriber: see the module's documentation.
#[pin_data]
pub(crate) struct Trylock {
    statistics: Counting,

    /// Whether the session holds `lock`. Only the session takes this mutex, before `lock`.
    #[pin]
    held: Mutex<bool>,

    /// The lock. It protects nothing, but models the lock of a driver. It is a semaphore because a
    /// session holds it across system calls.
    ///
    /// A start takes it under the locks of mm. The lock of the statistics is taken under it. A
    /// start that has waited as long as its [`CallbackWait`] allows, or whose task is killed,
    /// continues without the lock, which protects nothing.
    #[pin]
    lock: Semaphore,
}

impl Trylock {
    /// Makes a subscriber that counts in `statistics`, with its lock free.
    pub(super) fn new(statistics: Counting) -> impl PinInit<Self> {
        pin_init!(Self {
            statistics,
            held <- new_mutex!(false, "Trylock::held"),
            lock <- Semaphore::new(),
        })
    }

    /// Takes the lock for the session. Sleeps until no start has it.
    ///
    /// From now on blockable invalidations of the mm wait. Before the session can release the lock,
    /// the caller must therefore neither allocate with direct reclaim nor touch user memory.
    ///
    /// # Errors
    ///
    /// - [`EBUSY`]: the session already holds the lock.
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

    /// Takes the lock for a start of `range`. If the start may sleep, waits as long as its
    /// [`CallbackWait`] allows and then, or if the task is killed, returns `None`. If the start may not
    /// sleep, tries to take the lock, and counts a refusal if it is taken.
    fn take<'c>(
        &self,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<Option<SemaphoreGuard<'_>>, WouldBlock<'c>> {
        match context {
            CallbackContext::Blockable(_) => Ok(self.lock.try_down().or_else(|| {
                let wait = CallbackWait::begin();

                self.lock.down_limited(wait.left()).ok()
            })),
            CallbackContext::NonBlockable(context) => match self.lock.try_down() {
                Some(guard) => Ok(Some(guard)),
                None => {
                    self.statistics.refuse(range);
                    self.statistics.watch().refused(fact(range));
                    Err(context.would_block())
                }
            },
        }
    }

    /// Releases the lock that the session holds. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOLCK`]: the session does not hold the lock.
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
