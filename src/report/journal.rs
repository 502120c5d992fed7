// SPDX-License-Identifier: GPL-2.0

//! What was reported so far.

use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    }, //
};

use super::line::Line;
use crate::{
    check::{
        Name,
        Rule, //
    },
    ffi::{
        Global,
        Published, //
    }, //
};

/// Where the journal is, from the module's init to its exit.
static JOURNAL: Global<Journal> = Global::new();

/// How many records a journal has memory for.
pub(super) const RECORDS: usize = 128;

/// The violations of one rule by one subscriber.
#[derive(Clone)]
pub(super) struct Record {
    pub(super) rule: Rule,
    pub(super) subscriber: Name,
    pub(super) count: u64,
    pub(super) first: Line,
    pub(super) last: Line,
}

/// The violations since the module was loaded or a user has cleared the journal.
#[pin_data]
pub(super) struct Journal {
    /// Innermost: nothing is called under it but the copying of a record. Callbacks take it,
    /// perhaps under the lock of a page table; no interrupt does.
    #[pin]
    pages: SpinLock<Pages>,
}

/// The journal, until this is dropped. The drop sleeps.
pub(crate) struct JournalOwner(
    #[expect(dead_code, reason = "held for its drop")] Published<Journal>,
);

impl JournalOwner {
    /// Makes the journal, of which there is one. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: out of memory.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Journal::publish()?))
    }
}

/// What is in a journal: how often each rule was broken, and a record for each rule and subscriber
/// that broke it, as long as there is memory. All memory is allocated at first, since a callback
/// cannot wait for any. So a subscriber that breaks a rule again and again takes one record.
pub(super) struct Pages {
    counts: [u64; Rule::ALL.len()],
    records: KVVec<Record>,
    unrecorded: u64,
}

impl Pages {
    /// Makes a journal with memory for `records` records. May sleep.
    pub(super) fn new(records: usize) -> Result<Self> {
        Ok(Self {
            counts: [0; Rule::ALL.len()],
            records: KVVec::with_capacity(records, GFP_KERNEL)?,
            unrecorded: 0,
        })
    }

    /// Adds a violation of `rule` by `subscriber`, which `line` describes.
    pub(super) fn add(&mut self, rule: Rule, subscriber: &Name, line: &Line) {
        if let Some(count) = self.counts.get_mut(rule as usize) {
            *count = count.saturating_add(1);
        }

        let known = self
            .records
            .iter_mut()
            .find(|record| record.rule == rule && record.subscriber == *subscriber);
        if let Some(record) = known {
            record.count = record.count.saturating_add(1);
            record.last.clone_from(line);
            return;
        }

        let added = self.records.push_within_capacity(Record {
            rule,
            subscriber: subscriber.clone(),
            count: 1,
            first: line.clone(),
            last: line.clone(),
        });
        if added.is_err() {
            self.unrecorded = self.unrecorded.saturating_add(1);
        }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.counts = [0; Rule::ALL.len()];
        self.records.clear();
        self.unrecorded = 0;
    }

    /// Returns how often `rule` was broken.
    pub(super) fn count(&self, rule: Rule) -> u64 {
        self.counts.get(rule as usize).copied().unwrap_or(0)
    }

    /// Returns how many violations have no record, since there was no memory left.
    pub(super) fn unrecorded(&self) -> u64 {
        self.unrecorded
    }

    /// Returns the record with this index. Records stay in the order in which they were added.
    pub(super) fn record(&self, index: usize) -> Option<&Record> {
        self.records.get(index)
    }
}

impl Journal {
    /// Publishes the journal, of which there is one. May sleep.
    fn publish() -> Result<Published<Self>> {
        let pages = Pages::new(RECORDS)?;
        let journal = Arc::pin_init(
            pin_init!(Self {
                pages <- new_spinlock!(pages, "Journal::pages"),
            }),
            GFP_KERNEL,
        )?;

        JOURNAL.publish(journal)
    }

    /// Returns the journal, unless the module is being unloaded.
    pub(super) fn get() -> Option<Arc<Self>> {
        JOURNAL.get()
    }

    /// Calls `f` with what is in the journal, under its lock: `f` may only copy.
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut Pages) -> R) -> R {
        f(&mut self.pages.lock())
    }
}
