// SPDX-License-Identifier: GPL-2.0

//! The open ranges, each with the value that its start has returned for its end.

use core::mem;

use kernel::{
    alloc::AllocError,
    new_spinlock,
    prelude::*,
    sync::SpinLock,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

use crate::mmu_notifier::{
    CallbackContext,
    Range,
    RangeId,
    WouldBlock, //
};

/// How long a start sleeps before it tries to allocate again.
const NAP: Delta = Delta::from_millis(1);

/// The ranges that are open for one subscriber, or for the chain itself: from before the start is
/// called until after the end was called.
#[pin_data]
pub(super) struct Pairs<V> {
    /// Innermost: nothing is called under this lock. Callbacks take it, and tasks that join or
    /// leave the chain. None of them runs in an interrupt.
    #[pin]
    open: SpinLock<Open<V>>,
}

/// Whether a start is to be called.
#[must_use]
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Begun {
    /// Yes: there is a place for the value that it returns.
    Begun,
    /// No: all pairs were closed.
    Closed,
}

impl<V> Pairs<V> {
    /// Makes an account without pairs, with memory for `reserved` pairs that are open at once. May
    /// sleep.
    pub(super) fn new(reserved: usize) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            open <- {
                let open = Open::new(reserved)?;

                new_spinlock!(open, "Pairs::open")
            },
        }? Error)
    }

    /// Makes a place for `range`, whose start is about to be called.
    ///
    /// Allocates the place without waiting for memory, as a callback must. If that fails, refuses a
    /// non-blockable range. A blockable range cannot be refused, so this sleeps until an allocation
    /// succeeds or another range ends and leaves its place. One of the two happens: no task needs
    /// this task to continue in order to free memory. In the worst case the OOM killer frees memory,
    /// and the OOM reaper does not wait here because its ranges are non-blockable. A task that comes
    /// here from within direct reclaim gets memory from the reserves.
    pub(super) fn begin<'c>(
        &self,
        range: &Range,
        context: &CallbackContext<'c>,
    ) -> Result<Begun, WouldBlock<'c>> {
        loop {
            let begun = self.open.lock().begin(range.id());

            match (begun, context) {
                (Ok(begun), _) => return Ok(begun),
                (Err(AllocError), CallbackContext::NonBlockable(context)) => {
                    return Err(context.would_block());
                }
                (Err(AllocError), CallbackContext::Blockable(_)) => fsleep(NAP),
            }
        }
    }

    /// Keeps the `value` that the start of `range` has returned; gives it back if all pairs were
    /// closed while the start ran.
    pub(super) fn started(&self, range: &Range, value: V) -> Result<(), V> {
        self.open.lock().started(range.id(), value)
    }

    /// Returns whether `range` is open.
    pub(super) fn has(&self, range: &Range) -> bool {
        self.open.lock().place_of(range.id()).is_some()
    }

    /// Removes the pair of `range` and returns the value of its start; `None` if `range` is not
    /// open or its start has returned no value.
    pub(super) fn take(&self, range: &Range) -> Option<V> {
        self.open.lock().take(range.id())
    }

    /// Removes the pair of `range` if its start has refused, and returns whether it has. Must not
    /// be called while the start runs.
    pub(super) fn take_refused(&self, range: &Range) -> bool {
        self.open.lock().take_refused(range.id())
    }

    /// Removes all pairs, admits no more, and returns the values of the starts that have returned.
    /// A start that still runs gets its value back from [`started`](Self::started). Returns `None`
    /// if the pairs were closed before.
    pub(super) fn close(&self) -> Option<impl Iterator<Item = V>> {
        let places = self.open.lock().close()?;

        Some(places.into_iter().filter_map(|place| place.value))
    }

    /// Returns the open pairs, with their lock.
    pub(super) fn open(&self) -> &SpinLock<Open<V>> {
        &self.open
    }
}

/// See [`Pairs`].
pub(super) struct Open<V> {
    /// The pairs, in the order of their starts.
    places: KVec<Place<V>>,
    /// The number of starts so far.
    begun: u64,
    /// Whether all pairs were closed.
    closed: bool,
}

struct Place<V> {
    /// The range. If an end was lost, a later range may have the same id: look-ups then find the
    /// newest pair, and the old one stays open until all pairs are closed.
    id: RangeId,
    /// The number of starts before this one.
    serial: u64,
    /// The value of the start, if it has returned one.
    value: Option<V>,
}

impl<V> Open<V> {
    pub(super) fn new(reserved: usize) -> Result<Self> {
        Ok(Self {
            places: KVec::with_capacity(reserved, GFP_KERNEL_ACCOUNT)?,
            begun: 0,
            closed: false,
        })
    }

    pub(super) fn begin(&mut self, id: RangeId) -> Result<Begun, AllocError> {
        if self.closed {
            return Ok(Begun::Closed);
        }
        let place = Place {
            id,
            serial: self.begun,
            value: None,
        };

        self.places.push(place, GFP_NOWAIT)?;
        // One start a nanosecond would wrap this after five centuries.
        self.begun = self.begun.wrapping_add(1);
        Ok(Begun::Begun)
    }

    pub(super) fn started(&mut self, id: RangeId, value: V) -> Result<(), V> {
        match self.places.iter_mut().rev().find(|place| place.id == id) {
            Some(place) => {
                place.value = Some(value);
                Ok(())
            }
            None => Err(value),
        }
    }

    pub(super) fn take(&mut self, id: RangeId) -> Option<V> {
        let place = self.place_of(id)?;

        self.places.remove(place).ok()?.value
    }

    fn take_refused(&mut self, id: RangeId) -> bool {
        let refused = self.place_of(id).filter(|place| {
            self.places
                .get(*place)
                .is_some_and(|place| place.value.is_none())
        });

        refused.is_some_and(|place| self.places.remove(place).is_ok())
    }

    fn close(&mut self) -> Option<KVec<Place<V>>> {
        if mem::replace(&mut self.closed, true) {
            return None;
        }
        Some(mem::take(&mut self.places))
    }

    fn place_of(&self, id: RangeId) -> Option<usize> {
        self.places.iter().rposition(|place| place.id == id)
    }

    /// Returns the number of starts so far.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    /// Returns whether one of the first `begun` ranges is open.
    pub(super) fn has_one_of_first(&self, begun: u64) -> bool {
        // The places are in the order of their starts.
        self.places
            .first()
            .is_some_and(|place| place.serial < begun)
    }
}
