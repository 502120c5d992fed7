// SPDX-License-Identifier: GPL-2.0

//! Violations that are found where nothing can be reported: under a raw lock, or with preemption
//! disabled.

use kernel::{
    prelude::*,
    task::Pid, //
};

use super::{
    callback::Finding,
    ledger::{
        Phase,
        Recorded, //
    }, //
};
use crate::event::{
    Activity,
    Call,
    Queue,
    Task, //
};

/// Violations that are not reported yet. Any task adds and takes them, without a lock.
pub(crate) struct Later(Queue<WORDS>);

const WORDS: usize = 17;

/// What was found.
pub(super) struct Late {
    pub(super) finding: Finding,
    /// In which call.
    pub(super) by: Recorded,
    /// The id of the process that has the mm of the call, if that is known.
    pub(super) pid: Option<Pid>,
}

impl Later {
    pub(super) const PLACES: usize = 64;

    /// Makes the memory. May sleep.
    pub(super) fn new() -> Result<Self> {
        Ok(Self(Queue::new(Self::PLACES)?))
    }

    /// Adds what was found. Never sleeps.
    pub(super) fn add(&self, late: &Late) {
        self.0.add(pack(late));
    }

    /// Takes one.
    pub(super) fn take(&self) -> Option<Late> {
        self.0.take().and_then(unpack)
    }

    /// Returns the number of violations that were dropped because all places were in use.
    pub(crate) fn dropped(&self) -> u64 {
        self.0.dropped()
    }
}

fn pack(late: &Late) -> [u64; WORDS] {
    let Late { finding, by, pid } = late;
    let [code, value] = finding.to_words();
    let [subscriber, address, mm, start, end, kind, initiator] = by.call.to_words();
    let [first, second] = by.task.comm;

    [
        code,
        value,
        pid.unwrap_or(0) as u64,
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

fn unpack(words: [u64; WORDS]) -> Option<Late> {
    let [code, value, process, activity, call @ .., key, start_time, pid, first, second, since] =
        words;

    Some(Late {
        finding: Finding::from_words([code, value])?,
        by: Recorded {
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
        pid: Some(process as Pid).filter(|pid| *pid != 0),
    })
}
