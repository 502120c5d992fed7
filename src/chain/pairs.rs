// SPDX-License-Identifier: GPL-2.0

//! Which ranges are open, and what the start of each has left for its end.

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

/// How long a start sleeps before it asks for memory again.
const NAP: Delta = Delta::from_millis(1);

/// The ranges that are open for one subscriber, or for the chain itself, from before its start is
/// called until after its end was.
#[pin_data]
pub(super) struct Pairs<V> {
    /// Innermost: nothing is called under it. Callbacks take it, and who joins or leaves; none of
    /// them in an interrupt.
    #[pin]
    open: SpinLock<Open<V>>,
}

/// What to do with a start.
#[must_use]
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Begun {
    /// Call it: there is a place for what it returns.
    Begun,
    /// Do not: all pairs were closed.
    Closed,
}

impl<V> Pairs<V> {
    /// No pair yet, and memory for `reserved` that are open at once. May sleep.
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
    /// Memory for one place more is asked for without waiting, as it must be in a callback. If there
    /// is none, a non-blockable range is refused. A blockable one can't be: it sleeps until there is
    /// memory, or until another range has ended and left its place. One of the two comes: nobody
    /// needs this task to free memory, which at worst the OOM killer does, since the OOM reaper's
    /// ranges are non-blockable and don't wait here; and who reclaims memory, and comes here from
    /// there, is given memory from the reserves.
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

    /// Keeps what the start of `range` has returned; or gives it back, if all pairs were closed
    /// while it ran.
    pub(super) fn started(&self, range: &Range, value: V) -> Result<(), V> {
        self.open.lock().started(range.id(), value)
    }

    /// Whether `range` is open.
    pub(super) fn has(&self, range: &Range) -> bool {
        self.open.lock().place_of(range.id()).is_some()
    }

    /// Takes `range` out, with what its start has returned; `None` if it is not open, or its start
    /// has not returned anything.
    pub(super) fn take(&self, range: &Range) -> Option<V> {
        self.open.lock().take(range.id())
    }

    /// Takes `range` out if its start has refused it, and says so. Not while it runs.
    pub(super) fn take_refused(&self, range: &Range) -> bool {
        self.open.lock().take_refused(range.id())
    }

    /// Takes all out, and lets none in any more: what the starts have returned that have; those
    /// that run still get theirs back from [`started`](Self::started). `None` if that was done
    /// before.
    pub(super) fn close(&self) -> Option<impl Iterator<Item = V>> {
        let places = self.open.lock().close()?;

        Some(places.into_iter().filter_map(|place| place.value))
    }

    /// What is open, under its lock.
    pub(super) fn open(&self) -> &SpinLock<Open<V>> {
        &self.open
    }
}

/// See [`Pairs`].
pub(super) struct Open<V> {
    /// In the order of their starts.
    places: KVec<Place<V>>,
    /// How many starts there were.
    begun: u64,
    closed: bool,
}

struct Place<V> {
    /// The range. If an end ever got lost, another may have it again: the newest is meant, and the
    /// old one is open until all are closed.
    id: RangeId,
    /// How many starts there were before this one.
    serial: u64,
    /// What the start has returned, if it has.
    value: Option<V>,
}

impl<V> Open<V> {
    pub(super) fn new(reserved: usize) -> Result<Self> {
        Ok(Self {
            places: KVec::with_capacity(reserved, GFP_KERNEL)?,
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
        // At one a nanosecond this lasts for centuries.
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

    /// How many starts there were, in all.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    /// Whether one of the first `begun` ranges is open.
    pub(super) fn has_one_of_first(&self, begun: u64) -> bool {
        // They are in the order of their starts.
        self.places
            .first()
            .is_some_and(|place| place.serial < begun)
    }
}
