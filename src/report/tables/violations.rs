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
    report::{
        journal::{
            Journal,
            Ring, //
        },
        line::Line, //
    }, //
};

/// How often each rule was broken since the module was loaded, and the last violations.
pub(super) struct Violations;

/// A place in the table.
#[derive(Clone)]
pub(super) enum Cursor {
    /// Before the rule with this index.
    Rule(usize),
    /// Before the line with this number.
    Line(u64),
}

impl Default for Cursor {
    fn default() -> Self {
        Self::Rule(0)
    }
}

#[expect(clippy::large_enum_variant, reason = "few, and on the heap")]
pub(super) enum Item {
    /// A rule, and how often it was broken.
    Count(Rule, u64),
    /// What follows are the last violations. The number of calls that were lost.
    Heading(u64),
    /// A violation.
    Line(Line),
}

impl Table for Violations {
    const NAME: &'static CStr = c"violations";

    type Cursor = Cursor;
    type Item = Item;

    fn header(out: &SeqFile) {
        seq_print!(out, "{:<12} {:>8}\n", "RULE", "COUNT");
    }

    fn next(cursor: &mut Cursor) -> Option<Item> {
        let (registry, journal) = (Registry::get()?, Journal::get()?);

        match *cursor {
            Cursor::Rule(index) => {
                let Some(&rule) = Rule::ALL.get(index) else {
                    *cursor = Cursor::Line(0);
                    return Some(Item::Heading(registry.calls().lost()));
                };

                *cursor = Cursor::Rule(index.wrapping_add(1));
                Some(Item::Count(rule, registry.violations().get(rule)))
            }
            Cursor::Line(number) => {
                let count = journal.count();
                let oldest = count.saturating_sub(Ring::LENGTH as u64);

                (number.max(oldest)..count).find_map(|number| {
                    *cursor = Cursor::Line(number.wrapping_add(1));
                    journal.line(number).map(Item::Line)
                })
            }
        }
    }

    fn show(out: &SeqFile, item: &Item) {
        match item {
            Item::Count(rule, count) => {
                seq_print!(out, "{:<12} {:>8}\n", rule.name(), count);
            }
            Item::Heading(lost) => {
                if *lost != 0 {
                    seq_print!(out, "\n{lost} calls not checked: see ledger_slots\n");
                }
                seq_print!(out, "\nLAST VIOLATIONS\n");
            }
            Item::Line(line) => seq_print!(out, "{line}\n"),
        }
    }
}
