// SPDX-License-Identifier: GPL-2.0

//! Facts that wait for a task that may sleep.

use kernel::prelude::*;

use super::platform::{
    Racy,
    Word, //
};

/// Facts, of `N` words each, in memory of a fixed size. Any task adds and takes them, without a lock,
/// and not always in the order in which they were added.
pub(crate) struct Queue<const N: usize> {
    places: KVec<Place<N>>,
    /// How many had no place.
    dropped: Word,
}

struct Place<const N: usize> {
    state: Word,
    data: Racy<N>,
}

const FREE: u64 = 0;
const IN_USE: u64 = 1;
const FULL: u64 = 2;

impl<const N: usize> Queue<N> {
    /// Makes the memory for `size` facts. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: out of memory.
    pub(crate) fn new(size: usize) -> Result<Self> {
        let mut places = KVec::with_capacity(size, GFP_KERNEL)?;

        for _ in 0..size {
            places.push(
                Place {
                    state: Word::new(FREE),
                    data: Racy::new(),
                },
                GFP_KERNEL,
            )?;
        }
        Ok(Self {
            places,
            dropped: Word::new(0),
        })
    }

    /// Adds a fact. Never sleeps.
    pub(crate) fn add(&self, fact: [u64; N]) {
        let place = self
            .places
            .iter()
            .find(|place| place.state.load() == FREE && place.state.replace(FREE, IN_USE));
        let Some(place) = place else {
            self.dropped.add(1);
            return;
        };

        place.data.write(fact);
        place.state.store_release(FULL);
    }

    /// Takes a fact.
    pub(crate) fn take(&self) -> Option<[u64; N]> {
        self.places.iter().find_map(|place| {
            (place.state.load() == FULL && place.state.replace(FULL, IN_USE)).then(|| {
                let fact = place.data.read();

                place.state.store_release(FREE);
                fact
            })
        })
    }

    /// Returns the number of facts that were dropped because all places were in use.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load()
    }
}
