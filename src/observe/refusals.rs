// SPDX-License-Identifier: GPL-2.0

//! Which subscriber has refused a range.

use kernel::prelude::*;

use crate::event::{
    platform::{
        Current,
        Racy, //
    },
    spread, //
};

/// The last refusals, by task. If two tasks share a place, a refusal is forgotten.
pub(super) struct Refusals(KVec<Racy<4>>);

impl Refusals {
    const SIZE: usize = 64;

    /// Makes the memory. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: out of memory.
    pub(super) fn new() -> Result<Self> {
        let mut places = KVec::with_capacity(Self::SIZE, GFP_KERNEL)?;

        for _ in 0..Self::SIZE {
            places.push(Racy::new(), GFP_KERNEL)?;
        }
        Ok(Self(places))
    }

    /// Records that `subscriber` has refused the range at `address` in the current task; or no
    /// subscriber, if that is 0.
    pub(super) fn add(&self, subscriber: u64, address: usize) {
        let task = Current::get().key();

        if let Some(refusal) = self.place(task) {
            let check = task ^ (address as u64).rotate_left(32) ^ subscriber;

            refusal.write([task, address as u64, subscriber, check]);
        }
    }

    /// Returns the subscriber that has refused the range at `address` in the task `task`.
    pub(super) fn refuser(&self, task: u64, address: usize) -> Option<u64> {
        let [by, at, subscriber, check] = self.place(task)?.read();

        // Another task may write here at the same time.
        ((by, at) == (task, address as u64) && check == by ^ at.rotate_left(32) ^ subscriber)
            .then_some(subscriber)
    }

    fn place(&self, task: u64) -> Option<&Racy<4>> {
        self.0.get(spread(task) % Self::SIZE)
    }
}
