// SPDX-License-Identifier: GPL-2.0

//! The registration of a subscription, as a fact.

use super::Task;

/// A driver has registered a subscription, or has ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Registration {
    /// Whether it has registered it.
    pub(crate) is_begin: bool,
    /// When that was, in ns of the monotonic clock.
    pub(crate) time: u64,
    /// The table of callbacks, by its address, and its kind.
    pub(crate) table: usize,
    pub(crate) is_interval: bool,
    /// The mm, by its address. Only compared.
    pub(crate) mm: usize,
    /// The id of the process that has the mm, or 0 if that is not known.
    pub(crate) pid: i32,
    /// The instruction of the driver that follows its call into the core.
    pub(crate) caller: usize,
    /// The interval, in bytes, half-open; 0 for a whole address space.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The task that has called the core.
    pub(crate) task: Task,
}

impl Registration {
    /// The number of words of a registration.
    pub(crate) const WORDS: usize = 12;

    const BEGIN: u64 = 1 << 32;
    const INTERVAL: u64 = 1 << 33;

    /// Returns it as words.
    pub(crate) fn to_words(self) -> [u64; Self::WORDS] {
        let [first, second] = self.task.comm;
        let begin = if self.is_begin { Self::BEGIN } else { 0 };
        let interval = if self.is_interval { Self::INTERVAL } else { 0 };

        [
            u64::from(self.pid as u32) | begin | interval,
            self.table as u64,
            self.mm as u64,
            self.caller as u64,
            self.start as u64,
            self.end as u64,
            self.task.key,
            self.task.start_time,
            self.task.pid as u64,
            first,
            second,
            self.time,
        ]
    }

    /// Returns that with these words.
    pub(crate) fn from_words(words: [u64; Self::WORDS]) -> Self {
        let [first, table, mm, caller, start, end, key, start_time, pid, comm @ .., time] = words;

        Self {
            is_begin: first & Self::BEGIN != 0,
            time,
            table: table as usize,
            is_interval: first & Self::INTERVAL != 0,
            mm: mm as usize,
            pid: first as i32,
            caller: caller as usize,
            start: start as usize,
            end: end as usize,
            task: Task {
                key,
                start_time,
                pid: pid as i32,
                comm,
            },
        }
    }
}
