// SPDX-License-Identifier: GPL-2.0

//! Subscribers to an address space, other than the [`Counter`](crate::counter::Counter).

use core::{
    ops,
    pin::Pin, //
};

use kernel::{
    mm::Mm,
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Mutex, //
    }, //
};

use crate::mmu_notifier::{
    CallbackContext,
    Fallible,
    Flush,
    NoSleep,
    Range,
    SecondaryTlb,
    Subscriber,
    WouldBlock, //
};

/// A subscriber like RDMA ODP: takes a mutex, or refuses a non-blockable range.
#[pin_data]
pub(crate) struct Refuser {
    #[pin]
    seen: Mutex<Seen>,
}

/// The calls of the callback, and the bytes of their ranges.
#[derive(Default)]
struct Seen {
    calls: usize,
    bytes: usize,
}

impl Refuser {
    /// Returns a subscriber that has counted nothing.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            seen <- new_mutex!(Seen::default()),
        })
    }

    /// Returns how often the callback was called.
    pub(crate) fn calls(&self) -> usize {
        self.seen.lock().calls
    }
}

#[vtable]
impl Subscriber for Refuser {}

impl Fallible for Refuser {
    fn start<'c>(
        self: Pin<&Self>,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<(), WouldBlock<'c>> {
        let mut seen = match &context {
            CallbackContext::Blockable(_) => self.seen.lock(),
            CallbackContext::NonBlockable(context) => match self.seen.try_lock() {
                Some(seen) => seen,
                None => return Err(context.would_block()),
            },
        };

        seen.calls += 1;
        seen.bytes += range.end() - range.start();
        Ok(())
    }
}

/// A subscriber like an IOMMU: counts flushes and flushed bytes.
pub(crate) struct Tlb {
    calls: Atomic<usize>,
    bytes: Atomic<usize>,
}

impl Tlb {
    /// Returns a subscriber that has counted nothing.
    pub(crate) fn new() -> Self {
        Self {
            calls: Atomic::new(0),
            bytes: Atomic::new(0),
        }
    }

    /// Returns how often the callback was called.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Relaxed)
    }
}

#[vtable]
impl Subscriber for Tlb {}

impl SecondaryTlb for Tlb {
    fn flush(self: Pin<&Self>, _mm: &Mm, flush: Flush, _context: NoSleep<'_>) {
        self.calls.add(1, Relaxed);
        if let Flush::Range(range) = flush {
            self.bytes.add(range.end - range.start, Relaxed);
        }
    }
}

/// A subscriber that answers whether its device was used since the last question.
pub(crate) struct Ager {
    calls: Atomic<usize>,
    used: Atomic<usize>,
}

impl Ager {
    /// Returns a subscriber whose device was used.
    pub(crate) fn new() -> Self {
        Self {
            calls: Atomic::new(0),
            used: Atomic::new(1),
        }
    }

    /// Returns how often the callback was called.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Relaxed)
    }
}

#[vtable]
impl Subscriber for Ager {
    fn clear_young(
        self: Pin<&Self>,
        _mm: &Mm,
        _range: ops::Range<usize>,
        _context: NoSleep<'_>,
    ) -> bool {
        self.calls.add(1, Relaxed);
        self.used.xchg(0, Relaxed) != 0
    }
}
