// SPDX-License-Identifier: GPL-2.0

//! Violations that are found where nothing can be reported: under a raw lock, or with preemption
//! disabled.

use kernel::prelude::*;

use super::{
    callback::Finding,
    ledger::{
        Phase,
        Recorded, //
    }, //
};
use crate::event::{
    platform::{
        Racy,
        Word, //
    },
    Activity,
    Call,
    Task, //
};

/// Violations that are not reported yet. Any task adds and takes them, without a lock.
pub(crate) struct Later {
    places: KVec<Place>,
    /// How many had no place.
    dropped: Word,
}

struct Place {
    state: Word,
    data: Racy<WORDS>,
}

const WORDS: usize = 16;

const FREE: u64 = 0;
const IN_USE: u64 = 1;
const FULL: u64 = 2;

impl Later {
    pub(super) const PLACES: usize = 64;

    /// Makes the memory. May sleep.
    pub(super) fn new() -> Result<Self> {
        let mut places = KVec::with_capacity(Self::PLACES, GFP_KERNEL)?;

        for _ in 0..Self::PLACES {
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

    /// Adds what was found in the call that `by` records, of the subscriber with its key. Never
    /// sleeps.
    pub(super) fn add(&self, finding: Finding, by: &Recorded) {
        let place = self
            .places
            .iter()
            .find(|place| place.state.load() == FREE && place.state.replace(FREE, IN_USE));
        let Some(place) = place else {
            self.dropped.add(1);
            return;
        };

        place.data.write(pack(finding, by));
        place.state.store_release(FULL);
    }

    /// Takes one.
    pub(super) fn take(&self) -> Option<(Finding, Recorded)> {
        for place in &self.places {
            if place.state.load() == FULL && place.state.replace(FULL, IN_USE) {
                let taken = unpack(place.data.read());

                place.state.store_release(FREE);
                if taken.is_some() {
                    return taken;
                }
            }
        }
        None
    }

    /// Returns the number of violations that were dropped because all places were in use.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load()
    }
}

fn pack(finding: Finding, by: &Recorded) -> [u64; WORDS] {
    let [code, value] = finding.to_words();
    let [subscriber, address, mm, start, end, kind, initiator] = by.call.to_words();
    let [first, second] = by.task.comm;

    [
        code,
        value,
        u64::from(by.call.activity.code()),
        subscriber,
        address,
        mm,
        start,
        end,
        kind,
        initiator,
        by.task.key,
        by.task.start_time,
        by.task.pid as u64,
        first,
        second,
        u64::from(by.since),
    ]
}

fn unpack(words: [u64; WORDS]) -> Option<(Finding, Recorded)> {
    let [code, value, activity, call @ .., key, start_time, pid, first, second, since] = words;

    Some((
        Finding::from_words([code, value])?,
        Recorded {
            task: Task {
                key,
                start_time,
                pid: pid as i32,
                comm: [first, second],
            },
            call: Call::from_words(call, Activity::from_code(activity as u8)?),
            phase: Phase::Running,
            since: since as u32,
        },
    ))
}
