// SPDX-License-Identifier: GPL-2.0

//! The platform of the module.

use kernel::sync::{
    atomic::{
        Acquire,
        Atomic,
        Full,
        Relaxed,
        Release, //
    },
    barrier::{
        smp_mb,
        Read,
        Write, //
    }, //
};

pub(crate) use kernel::fmt;

pub(crate) use crate::ffi::{
    entry,
    sweep_soon,
    ticks,
    Current,
    Racy,
    TICKS_PER_SECOND, //
};

/// A word for synchronisation.
pub(crate) struct Word(Atomic<u64>);

impl Word {
    /// Makes a word.
    #[inline]
    pub(crate) const fn new(value: u64) -> Self {
        Self(Atomic::new(value))
    }

    /// Returns the word: `READ_ONCE()`.
    #[inline]
    pub(crate) fn load(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Returns the word: `smp_load_acquire()`.
    #[inline]
    pub(crate) fn load_acquire(&self) -> u64 {
        self.0.load(Acquire)
    }

    /// Sets the word: `WRITE_ONCE()`.
    #[inline]
    pub(crate) fn store(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// Sets the word: `smp_store_release()`.
    #[inline]
    pub(crate) fn store_release(&self, value: u64) {
        self.0.store(value, Release);
    }

    /// Sets the word to `new` if it is `old`, and returns whether it was: `cmpxchg()`.
    #[inline]
    pub(crate) fn replace(&self, old: u64, new: u64) -> bool {
        self.0.cmpxchg(old, new, Full).is_ok()
    }

    /// Adds to the word, and returns what it was: `atomic64_fetch_add_release()`.
    #[inline]
    pub(crate) fn add(&self, value: u64) -> u64 {
        self.0.fetch_add(value, Release)
    }
}

/// Orders earlier loads before later loads: `smp_rmb()`.
#[inline]
pub(crate) fn read_fence() {
    smp_mb(Read);
}

/// Orders earlier stores before later stores: `smp_wmb()`.
#[inline]
pub(crate) fn write_fence() {
    smp_mb(Write);
}
