// SPDX-License-Identifier: GPL-2.0

//! A set of addresses, for probes.

use kernel::prelude::*;

use crate::event::{
    platform::Word,
    spread, //
};

/// A set of addresses, which takes no lock, in memory of a fixed size.
///
/// If two tasks insert an address at the same time, it may be in the set twice.
pub(super) struct Known(KVec<Word>);

/// How many places an address may be in.
const NEAR: usize = 32;

/// A place that is free: of an address that was never there, or was removed.
const FREE: u64 = 0;
const REMOVED: u64 = 1;

impl Known {
    /// Makes an empty set with `size` places, a power of two. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: out of memory.
    pub(super) fn new(size: usize) -> Result<Self> {
        let mut places = KVec::with_capacity(size, GFP_KERNEL)?;

        for _ in 0..size {
            places.push(Word::new(FREE), GFP_KERNEL)?;
        }
        Ok(Self(places))
    }

    /// Returns the numbers of the places where an address may be, the likely one first.
    fn numbers(&self, address: u64) -> impl Iterator<Item = usize> {
        let first = spread(address);
        let mask = self.0.len().wrapping_sub(1);

        (0..NEAR).map(move |near| first.wrapping_add(near) & mask)
    }

    /// Returns these places.
    fn places(&self, address: u64) -> impl Iterator<Item = &Word> {
        self.numbers(address)
            .filter_map(move |place| self.0.get(place))
    }

    /// Returns the number of the place where `address` is, if it is in the set.
    pub(super) fn place_of(&self, address: u64) -> Option<usize> {
        self.numbers(address).find(|place| {
            self.0
                .get(*place)
                .is_some_and(|word| word.load() == address)
        })
    }

    /// Returns whether `address` is in the set.
    pub(super) fn has(&self, address: u64) -> bool {
        self.places(address)
            .map(Word::load)
            .take_while(|word| *word != FREE)
            .any(|word| word == address)
    }

    /// Inserts `address`, which is not 0 or 1. Returns false if there is no place for it.
    pub(super) fn insert(&self, address: u64) -> bool {
        self.places(address).any(|place| {
            let word = place.load();

            word <= REMOVED && place.replace(word, address)
        })
    }

    /// Removes the addresses that are `gone`.
    pub(super) fn remove(&self, gone: impl Fn(u64) -> bool) {
        for place in &self.0 {
            let word = place.load();

            if word > REMOVED && gone(word) {
                place.replace(word, REMOVED);
            }
        }
    }

    /// Removes `address`.
    pub(super) fn remove_one(&self, address: u64) {
        for place in self.places(address) {
            match place.load() {
                FREE => return,
                word if word == address => {
                    place.replace(word, REMOVED);
                }
                _ => (),
            }
        }
    }

    /// Returns all addresses.
    pub(super) fn all(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().map(Word::load).filter(|word| *word > REMOVED)
    }
}
