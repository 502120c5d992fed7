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
        ledger::{
            Phase,
            Recorded, //
        },
        Registry,
        Rule,
        State,
        Watched, //
    },
    event::platform::{
        ticks,
        TICKS_PER_SECOND, //
    },
    ffi::{
        initiator_of,
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
        directory.add::<OpenRanges>();
        directory.add::<Running>();
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
            "{:<20} {:>7} {:<8} {:>6} VIOLATIONS\n",
            "SUBSCRIBER",
            "PID",
            "STATE",
            "OPEN"
        );
        for watched in all_watched() {
            let state = match watched.state() {
                State::Attached => "attached",
                State::Released => "released",
                State::Over => "detached",
            };
            let open = all_calls()
                .filter(|recorded| {
                    recorded.call.subscriber == watched.key() && recorded.phase != Phase::Running
                })
                .count();

            seq_print!(
                out,
                "{:<20} {:>7} {:<8} {:>6}",
                name(&watched),
                watched
                    .target()
                    .map_or(Text::of(fmt!("-")), |pid| Text::<12>::of(fmt!("{pid}"))),
                state,
                open
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

/// The ranges that have begun and not ended, for each subscriber whose end is due.
struct OpenRanges;

impl Table for OpenRanges {
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
        for recorded in all_calls() {
            if recorded.phase == Phase::Open || recorded.phase == Phase::Ending {
                seq_print!(out, "{:<20} ", name_of(&recorded));
                show_call(out, &recorded);
            }
        }
    }
}

/// The callbacks under way, and the tasks that wait for callbacks.
struct Running;

impl Table for Running {
    const NAME: &'static CStr = c"running";

    fn show(out: &SeqFile) {
        seq_print!(
            out,
            "{:<20} {:<11} {:<15} {:<37} {:<13} {:>8} {:<26} INITIATOR\n",
            "SUBSCRIBER",
            "CALLBACK",
            "EVENT",
            "RANGE",
            "MODE",
            "AGE_MS",
            "TASK"
        );
        for recorded in all_calls() {
            if recorded.phase != Phase::Open {
                seq_print!(
                    out,
                    "{:<20} {:<11} ",
                    name_of(&recorded),
                    recorded.call.activity.name()
                );
                show_call(out, &recorded);
            }
        }
    }
}

fn show_call(out: &SeqFile, recorded: &Recorded) {
    let age = u64::from(ticks().wrapping_sub(recorded.since)) * 1000 / u64::from(TICKS_PER_SECOND);

    match recorded.call.range {
        Some(range) => seq_print!(
            out,
            "{:<15} {:<37} {:<13} ",
            range.kind.name(),
            Text::<40>::of(fmt!("{:#x}-{:#x}", range.start, range.end)),
            range.mode_name()
        ),
        None => seq_print!(out, "{:<15} {:<37} {:<13} ", "-", "-", "-"),
    }
    seq_print!(
        out,
        "{:>8} {:<26} ",
        age,
        Text::<96>::of(fmt!("{}", recorded.task))
    );
    match initiator_of(&recorded.task) {
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

/// Returns all subscribers, in the order in which they came.
fn all_watched() -> impl Iterator<Item = Arc<Watched>> {
    let registry = Registry::get();
    let mut key = 0;

    iter::from_fn(move || {
        let watched = registry.as_ref()?.next(key)?;

        key = watched.key();
        Some(watched)
    })
}

/// Returns all calls that are recorded.
fn all_calls() -> impl Iterator<Item = Recorded> {
    let registry = Registry::get();
    let mut from = 0;

    iter::from_fn(move || {
        let (next, recorded) = registry.as_ref()?.calls().next(from)?;

        from = next;
        Some(recorded)
    })
}

/// Returns the name of the subscriber whose call is `recorded`.
fn name_of(recorded: &Recorded) -> Text<40> {
    match Registry::get().and_then(|registry| registry.find(recorded.call.subscriber)) {
        Some(watched) => name(&watched),
        None => Text::of(fmt!("-")),
    }
}

fn name(watched: &Watched) -> Text<40> {
    let (kind, serial) = watched.name();

    Text::of(fmt!("{kind} {serial}"))
}
