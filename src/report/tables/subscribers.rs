// SPDX-License-Identifier: GPL-2.0

//! The table of subscribers.

use kernel::{
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    task::Pid, //
};

use super::{
    name,
    Name, //
};
use crate::{
    check::{
        self,
        Registry,
        Rule,
        State, //
    },
    ffi::Table,
    report::text::Text, //
};

/// The subscribers that are watched, and the rules that each broke.
pub(super) struct Subscribers;

/// A subscriber.
pub(super) struct Row {
    name: Name,
    target: Option<Pid>,
    state: State,
    /// How many ranges it has open.
    open: usize,
    /// How often it broke each rule.
    violations: [u64; Rule::ALL.len()],
}

impl Table for Subscribers {
    const NAME: &'static CStr = c"subscribers";

    /// The key of the last subscriber, in the order in which they came.
    type Cursor = u64;
    type Item = Row;

    fn header(out: &SeqFile) {
        seq_print!(
            out,
            "{:<20} {:>7} {:<8} {:>6} VIOLATIONS\n",
            "SUBSCRIBER",
            "PID",
            "STATE",
            "OPEN"
        );
    }

    fn next(cursor: &mut u64) -> Option<Row> {
        let registry = Registry::get()?;
        let watched = loop {
            let watched = registry.next(*cursor)?;

            *cursor = watched.key();
            // The callbacks of other drivers have a table of their own.
            if matches!(watched.name(), check::Name::Model(..)) {
                break watched;
            }
        };

        Some(Row {
            name: name(&watched),
            target: watched.target(),
            state: watched.state(),
            open: registry.calls().open_ranges(watched.key()),
            violations: Rule::ALL.map(|rule| watched.violations(rule)),
        })
    }

    fn show(out: &SeqFile, row: &Row) {
        let state = match row.state {
            State::Attached => "attached",
            State::Released => "released",
            State::Over => "detached",
        };

        seq_print!(
            out,
            "{:<20} {:>7} {:<8} {:>6}",
            row.name,
            row.target
                .map_or(Text::of(fmt!("-")), |pid| Text::<12>::of(fmt!("{pid}"))),
            state,
            row.open
        );

        let mut separator = " ";
        for (rule, count) in Rule::ALL.iter().zip(row.violations) {
            if count != 0 {
                seq_print!(out, "{separator}{} {count}", rule.name());
                separator = ", ";
            }
        }

        let end = if separator == " " { " -\n" } else { "\n" };
        seq_print!(out, "{end}");
    }
}
