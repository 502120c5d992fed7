// SPDX-License-Identifier: GPL-2.0

//! Subscribers to a part of an address space.

use core::pin::Pin;

use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Mutex,
        SpinLock, //
    }, //
};

use crate::mmu_notifier::{
    CallbackContext,
    Done,
    Interval,
    IntervalSubscriber,
    Invalidate,
    Pass,
    Range,
    TwoPass,
    WouldBlock, //
};

/// What the user lock protects. It stands for the translations of a driver.
#[derive(Default)]
pub(crate) struct Shadow {
    pub(crate) calls: usize,
    bytes: usize,
}

impl Shadow {
    /// Counts an invalidation of `range`.
    fn note(&mut self, range: &Range) {
        self.calls += 1;
        self.bytes += range.end() - range.start();
    }
}

/// A subscriber whose user lock is a mutex.
pub(crate) struct UnderMutex;

#[vtable]
impl IntervalSubscriber for UnderMutex {
    type UserLock = Mutex<Shadow>;
}

impl Interval for UnderMutex {
    fn invalidate<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        context: CallbackContext<'c>,
    ) -> Result<Done<'c>, WouldBlock<'c>> {
        let range = invalidation.range();
        let mut shadow = invalidation.lock_or_refuse(&context)?;

        shadow.note(range);
        Ok(shadow.done())
    }
}

/// A subscriber whose user lock is a spin lock.
pub(crate) struct UnderSpinLock;

#[vtable]
impl IntervalSubscriber for UnderSpinLock {
    type UserLock = SpinLock<Shadow>;
}

impl Interval for UnderSpinLock {
    fn invalidate<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        _context: CallbackContext<'c>,
    ) -> Result<Done<'c>, WouldBlock<'c>> {
        let range = invalidation.range();
        let mut shadow = invalidation.lock_atomic();

        shadow.note(range);
        Ok(shadow.done())
    }
}

/// A subscriber with two passes.
pub(crate) struct InTwoPasses {
    /// Calls of the second pass.
    finished: Atomic<usize>,
}

impl InTwoPasses {
    /// Returns a subscriber that has counted nothing.
    pub(crate) fn new() -> Self {
        Self {
            finished: Atomic::new(0),
        }
    }

    /// Returns how often the second pass was called.
    pub(crate) fn finished(&self) -> usize {
        self.finished.load(Relaxed)
    }
}

#[vtable]
impl IntervalSubscriber for InTwoPasses {
    type UserLock = Mutex<Shadow>;
}

impl TwoPass for InTwoPasses {
    /// What the second pass adds to its count: 1.
    type Finish = usize;

    fn start<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        context: CallbackContext<'c>,
    ) -> Result<Pass<'c, usize>, WouldBlock<'c>> {
        let range = invalidation.range();
        let mut shadow = invalidation.lock_or_refuse(&context)?;

        shadow.note(range);
        Ok(Pass::Begun(shadow.done(), 1))
    }

    fn finish(self: Pin<&Self>, finish: usize, _context: CallbackContext<'_>) {
        self.finished.add(finish, Relaxed);
    }
}
