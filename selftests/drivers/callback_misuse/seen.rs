// SPDX-License-Identifier: GPL-2.0

//! The callbacks that an open file has counted.

use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// A callback: `enum misuse_callback`.
#[derive(Clone, Copy)]
pub(super) enum Callback {
    Start,
    End,
    UndoingEnd,
    Release,
    Flush,
    ClearFlushYoung,
    ClearYoung,
    TestYoung,
    Invalidate,
    FirstPass,
    Finish,
    Nested,
    Dropped,
}

/// The number of [`Callback`]s.
pub(super) const CALLBACKS: usize = Callback::Dropped as usize + 1;

/// The counts of an open file, by [`Callback`].
pub(super) struct Seen {
    /// How often the callback was called.
    pub(super) calls: [Atomic<usize>; CALLBACKS],
    /// How often the abstraction did not recognise it as a callback.
    pub(super) missed: [Atomic<usize>; CALLBACKS],
}

impl Seen {
    /// Returns counts of 0.
    pub(super) fn new() -> Self {
        Self {
            calls: [const { Atomic::new(0) }; CALLBACKS],
            missed: [const { Atomic::new(0) }; CALLBACKS],
        }
    }

    /// Counts a call of `callback`, which the abstraction has recognised if `noticed`.
    pub(super) fn note(&self, callback: Callback, noticed: bool) {
        self.calls[callback as usize].add(1, Relaxed);
        if !noticed {
            self.missed[callback as usize].add(1, Relaxed);
        }
    }
}
