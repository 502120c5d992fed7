// SPDX-License-Identifier: GPL-2.0

//! `/sys/kernel/debug/mnck/`: what there is to read.
//!
//! A table has a line for its header and one for each thing. Nothing is locked for longer than it
//! takes to copy one thing, so a table that is read in the midst of callbacks is no picture of one
//! moment, but what is there all that time is in it, once.

use core::iter;

use kernel::{
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::Arc, //
};

use super::{
    journal::{
        Journal,
        Ring, //
    },
    text::Text, //
};
use crate::{
    check::{
        Open,
        Registry,
        Rule,
        State,
        Watched, //
    },
    ffi::{
        initiator,
        task_name,
        Directory,
        Published,
        Table, //
    }, //
};

/// All that can be read. Sleeps on drop.
pub(crate) struct Tables {
    // Dropped in this order.
    _directory: Directory,
    _journal: Published<Journal>,
}

impl Tables {
    /// The tables, of which there is one set.
    pub(crate) fn new() -> Result<Self> {
        let journal = Journal::publish()?;
        let directory = Directory::new(c"mnck");

        directory.add::<Subscribers>();
        directory.add::<OpenPairs>();
        directory.add::<Violations>();
        Ok(Self {
            _directory: directory,
            _journal: journal,
        })
    }
}

/// Who is watched, and what they broke.
struct Subscribers;

impl Table for Subscribers {
    const NAME: &'static CStr = c"subscribers";

    fn show(out: &SeqFile) {
        seq_print!(
            out,
            "{:<20} {:>7} {:<8} {:>6} {:>6} VIOLATIONS\n",
            "SUBSCRIBER",
            "PID",
            "STATE",
            "OPEN",
            "LOST"
        );
        for watched in all_watched() {
            let state = match watched.state() {
                State::Attached => "attached",
                State::Released => "released",
                State::Over => "detached",
            };
            let (open, lost) = watched.pairs();

            seq_print!(
                out,
                "{:<20} {:>7} {:<8} {:>6} {:>6}",
                name(&watched),
                watched
                    .target()
                    .map_or(Text::of(fmt!("-")), |pid| Text::<12>::of(fmt!("{pid}"))),
                state,
                open,
                lost
            );

            let mut separator = " ";
            for rule in Rule::ALL {
                let count = watched.violations(rule);

                if count != 0 {
                    seq_print!(out, "{separator}{} {count}", rule.name());
                    separator = ", ";
                }
            }

            let end = if separator == " " { " -\n" } else { "\n" };
            seq_print!(out, "{end}");
        }
    }
}

/// The ranges that have begun and not ended, for each who was told.
struct OpenPairs;

impl Table for OpenPairs {
    const NAME: &'static CStr = c"open";

    fn show(out: &SeqFile) {
        seq_print!(
            out,
            "{:<20} {:<15} {:<37} {:<13} {:>8} {:<26} INITIATOR\n",
            "SUBSCRIBER",
            "EVENT",
            "RANGE",
            "MODE",
            "AGE_MS",
            "TASK"
        );
        for watched in all_watched() {
            let mut after = None;
            let opens = iter::from_fn(|| {
                let open = watched.next_open(after)?;

                after = Some(open.id);
                Some(open)
            });

            for open in opens {
                show_open(out, &watched, &open);
            }
        }
    }
}

fn show_open(out: &SeqFile, watched: &Watched, open: &Open) {
    seq_print!(
        out,
        "{:<20} {:<15} {:<37} {:<13} {:>8} {:<26} ",
        name(watched),
        open.range.event_name(),
        Text::<40>::of(fmt!("{:#x}-{:#x}", open.range.start, open.range.end)),
        open.range.mode_name(),
        open.since.elapsed().as_millis(),
        Text::<96>::of(fmt!("{}[{}]", &*task_name(&open.task), open.task.pid()))
    );
    match initiator(&open.task) {
        Some(function) => seq_print!(out, "{}\n", &*function),
        None => seq_print!(out, "-\n"),
    }
}

/// How often each rule was broken since the module was loaded, and the last times in words.
struct Violations;

impl Table for Violations {
    const NAME: &'static CStr = c"violations";

    fn show(out: &SeqFile) {
        let (Some(registry), Some(journal)) = (Registry::get(), Journal::get()) else {
            return;
        };

        seq_print!(out, "{:<12} {:>8}\n", "RULE", "COUNT");
        for rule in Rule::ALL {
            seq_print!(
                out,
                "{:<12} {:>8}\n",
                rule.name(),
                registry.violations().get(rule)
            );
        }

        let end = journal.count();
        let begin = end.saturating_sub(Ring::LENGTH as u64);
        seq_print!(out, "\nLAST VIOLATIONS\n");
        for line in (begin..end).filter_map(|number| journal.line(number)) {
            seq_print!(out, "{line}\n");
        }
    }
}

/// All that are watched, in the order in which they came.
fn all_watched() -> impl Iterator<Item = Arc<Watched>> {
    let registry = Registry::get();
    let mut key = 0;

    iter::from_fn(move || {
        let (next, watched) = registry.as_ref()?.next(key)?;

        key = next;
        Some(watched)
    })
}

fn name(watched: &Watched) -> Text<40> {
    let (kind, serial) = watched.name();

    Text::of(fmt!("{kind} {serial}"))
}
