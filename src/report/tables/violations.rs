// SPDX-License-Identifier: GPL-2.0

//! The table of violations.

use kernel::{
    prelude::*,
    seq_file::SeqFile,
    seq_print, //
};

use crate::{
    check::{
        Registry,
        Rule, //
    },
    ffi::Table,
    report::journal::{
        Journal,
        Record, //
    }, //
};

/// How often each rule was broken, and then, for each rule and each subscriber that broke it, the
/// first and the last violation.
pub(super) struct Violations;

/// A place in the table.
#[derive(Clone)]
pub(super) enum Cursor {
    /// Before the rule with this index.
    Rule(usize),
    /// Before the record with this index.
    Record(usize),
}

impl Default for Cursor {
    fn default() -> Self {
        Self::Rule(0)
    }
}

#[expect(clippy::large_enum_variant, reason = "there is one, on the heap")]
pub(super) enum Item {
    /// A rule, and how often it was broken.
    Count(Rule, u64),
    /// What follows are records. So many violations have none, and so many calls were not checked.
    Heading {
        unrecorded: u64,
        lost: u64,
        dropped: u64,
    },
    Record(Record),
}

impl Table for Violations {
    const NAME: &'static CStr = c"violations";
    const CLEAR: Option<fn()> = Some(clear);

    type Cursor = Cursor;
    type Item = Item;

    fn header(out: &SeqFile) {
        seq_print!(out, "{:<12} {:>8}\n", "RULE", "COUNT");
    }

    fn next(cursor: &mut Cursor) -> Option<Item> {
        let journal = Journal::get()?;

        match *cursor {
            Cursor::Rule(index) => {
                let Some(&rule) = Rule::ALL.get(index) else {
                    *cursor = Cursor::Record(0);
                    return Some(Item::Heading {
                        unrecorded: journal.with(|pages| pages.unrecorded()),
                        lost: Registry::get().map_or(0, |registry| registry.calls().lost()),
                        dropped: Registry::get().map_or(0, |registry| registry.dropped()),
                    });
                };

                *cursor = Cursor::Rule(index.wrapping_add(1));
                Some(Item::Count(rule, journal.with(|pages| pages.count(rule))))
            }
            Cursor::Record(index) => {
                let record = journal.with(|pages| pages.record(index).cloned())?;

                *cursor = Cursor::Record(index.wrapping_add(1));
                Some(Item::Record(record))
            }
        }
    }

    fn show(out: &SeqFile, item: &Item) {
        match item {
            // Lockdep reports this one, and then turns itself off.
            Item::Count(rule @ Rule::LockOrder, _) => {
                seq_print!(out, "{:<12} {:>8}\n", rule.name(), "lockdep");
            }
            Item::Count(rule, count) => seq_print!(out, "{:<12} {:>8}\n", rule.name(), count),
            Item::Heading {
                unrecorded,
                lost,
                dropped,
            } => {
                if *dropped != 0 {
                    seq_print!(
                        out,
                        "({dropped} more were dropped, since too many came at once)\n"
                    );
                }
                if *lost != 0 {
                    seq_print!(
                        out,
                        "({lost} calls not checked: load mnck with more ledger_slots)\n"
                    );
                }
                seq_print!(out, "\nFIRST AND LAST OF EACH RULE AND SUBSCRIBER\n");
                if *unrecorded != 0 {
                    seq_print!(out, "(no memory for {unrecorded} more: clear this file)\n");
                }
            }
            Item::Record(record) => {
                seq_print!(
                    out,
                    "{} {}: {}\n  first {}\n  last  {}\n",
                    record.rule.name(),
                    record.subscriber,
                    record.count,
                    record.first,
                    record.last
                );
            }
        }
    }
}

/// Forgets all violations. The counts of the subscribers stay.
fn clear() {
    if let Some(journal) = Journal::get() {
        journal.with(|pages| pages.clear());
    }
}
