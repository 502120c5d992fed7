// SPDX-License-Identifier: GPL-2.0

//! A subscriber like KVM: counts the open ranges, and keeps the bounds of all of them.

use core::pin::Pin;

use kernel::{
    mm::Mm,
    new_spinlock,
    prelude::*,
    sync::SpinLock, //
};

use crate::mmu_notifier::{
    AtomicDrop,
    CallbackContext,
    Paired,
    Range,
    Shared,
    Subscriber, //
};

/// See the module's documentation.
#[pin_data]
pub(crate) struct Counter {
    #[pin]
    open: SpinLock<Open>,
}

/// The open ranges: their number, and the bounds of all of them.
#[derive(Default)]
struct Open {
    count: usize,
    start: usize,
    end: usize,
    calls: usize,
}

impl Counter {
    /// Returns a counter without an open range.
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            open <- new_spinlock!(Open::default()),
        })
    }

    /// Returns how often the callbacks were called.
    pub(crate) fn calls(&self) -> usize {
        self.open.lock().calls
    }
}

#[vtable]
impl Subscriber for Counter {}

impl Paired for Counter {
    fn start(self: Pin<&Self>, range: &Range, _context: CallbackContext<'_>) {
        let mut open = self.open.lock();

        open.calls += 1;
        open.count += 1;
        if open.count == 1 {
            open.start = range.start();
            open.end = range.end();
        } else {
            open.start = open.start.min(range.start());
            open.end = open.end.max(range.end());
        }
    }

    fn end(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {
        let mut open = self.open.lock();

        open.calls += 1;
        open.count -= 1;
    }
}

impl AtomicDrop for Counter {}

impl Shared for Counter {
    fn new(_mm: &Mm) -> impl PinInit<Self, Error> {
        Counter::new()
    }
}
