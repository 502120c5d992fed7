// SPDX-License-Identifier: GPL-2.0

//! What a session has seen.

use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

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

pub(super) const CALLBACKS: usize = Callback::Dropped as usize + 1;

/// What came of the callbacks of a session.
pub(super) struct Seen {
    pub(super) calls: [Atomic<usize>; CALLBACKS],
    pub(super) missed: [Atomic<usize>; CALLBACKS],
}

impl Seen {
    pub(super) fn new() -> Self {
        Self {
            calls: [const { Atomic::new(0) }; CALLBACKS],
            missed: [const { Atomic::new(0) }; CALLBACKS],
        }
    }

    pub(super) fn note(&self, callback: Callback, noticed: bool) {
        self.calls[callback as usize].add(1, Relaxed);
        if !noticed {
            self.missed[callback as usize].add(1, Relaxed);
        }
    }
}
