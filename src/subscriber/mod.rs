// SPDX-License-Identifier: GPL-2.0

//! The model subscribers, named for what they model, and what a session can do with any of them.

use core::pin::Pin;

use kernel::{
    mm::MmWithUser,
    prelude::*,
    sync::Arc, //
};

use crate::{
    ffi::uapi::{
        mnck_kind,
        mnck_stats,
        MNCK_KIND_COUNTER,
        MNCK_KIND_TRYLOCK, //
    },
    mmu_notifier::{
        Registration,
        StartEnd,
        StartOnly,
        TaskContext, //
    },
};

mod counter;
use counter::Counter;

mod statistics;
use statistics::Statistics;

mod trylock;
use trylock::Trylock;

/// A model subscriber, attached to an mm. Detached on drop, under the rules for dropping a
/// [`Registration`].
pub(crate) struct Attached {
    model: Model,
    statistics: Arc<Statistics>,
}

enum Model {
    Counter(
        #[expect(dead_code, reason = "held for its drop")]
        Registration<StartEnd<Counter>>,
    ),
    Trylock {
        registration: Registration<StartOnly<Trylock>>,
        /// Whether the session holds the lock.
        held: bool,
    },
}

impl Attached {
    /// Attaches a subscriber of `kind` to `mm`. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: unknown kind.
    /// - [`EINTR`], [`ENOMEM`]: as [`Registration::new`].
    pub(crate) fn new(kind: mnck_kind, mm: &MmWithUser, task: &mut TaskContext) -> Result<Self> {
        let statistics = Statistics::new()?;
        let model = match kind {
            MNCK_KIND_COUNTER => Model::Counter(Registration::new(
                mm,
                Counter::new(statistics.clone()),
                task,
            )?),
            MNCK_KIND_TRYLOCK => Model::Trylock {
                registration: Registration::new(mm, Trylock::new(statistics.clone()), task)?,
                held: false,
            },
            _ => return Err(EINVAL),
        };

        Ok(Self { model, statistics })
    }

    /// What the subscriber has seen so far.
    pub(crate) fn statistics(&self) -> mnck_stats {
        self.statistics.read()
    }

    /// Detaches the subscriber, and what it has seen in all. Sleeps until no callback runs.
    pub(crate) fn detach(self) -> mnck_stats {
        let statistics = self.statistics.clone();

        drop(self);
        statistics.read()
    }

    /// Holds the subscriber's lock.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: it is of a kind that has none.
    /// - [`EBUSY`]: it is held already.
    /// - [`EINTR`]: a signal came.
    pub(crate) fn hold_lock(&mut self) -> Result {
        let (trylock, held) = self.lock()?;

        if *held {
            return Err(EBUSY);
        }
        trylock.hold_lock()?;
        *held = true;
        Ok(())
    }

    /// Releases the subscriber's lock. Never sleeps.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: it is of a kind that has none.
    /// - [`ENOLCK`]: it is not held.
    pub(crate) fn release_lock(&mut self) -> Result {
        let (trylock, held) = self.lock()?;

        if !*held {
            return Err(ENOLCK);
        }
        *held = false;
        trylock.release_lock();
        Ok(())
    }

    /// Releases the lock, if there is one and it is held. Never sleeps.
    pub(crate) fn let_go(&mut self) {
        // Neither error is one here.
        let _ = self.release_lock();
    }

    /// The lock's owner, and whether the session holds it.
    fn lock(&mut self) -> Result<(Pin<&Trylock>, &mut bool)> {
        match &mut self.model {
            Model::Counter(_) => Err(EINVAL),
            Model::Trylock { registration, held } => Ok((registration.subscriber(), held)),
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // A start that waits for the lock would keep the unregistering waiting.
        self.let_go();
    }
}
