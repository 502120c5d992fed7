// SPDX-License-Identifier: GPL-2.0

//! The table of the functions that are probed.

use kernel::{
    prelude::*,
    seq_file::SeqFile,
    seq_print, //
};

use super::{
    callbacks::Function,
    observed::Observed,
    watching::State, //
};
use crate::{
    check::Name,
    ffi::{
        function_probe::{
            FunctionProbe,
            ProbedBy, //
        },
        Table, //
    }, //
};

/// The functions that are probed: those of the core, and the callbacks of all drivers.
pub(crate) struct Drivers;

/// A place in the table.
#[derive(Clone, Copy)]
pub(crate) enum Cursor {
    /// At the function of the core with this index.
    Core(usize),
    /// Behind the callback with this key.
    Callback(u64),
    End,
}

impl Default for Cursor {
    fn default() -> Self {
        Self::Core(0)
    }
}

/// A line of the table.
pub(crate) enum Item {
    /// The observation is off.
    Off,
    Core {
        function: &'static CStr,
        by: ProbedBy,
        missed: usize,
    },
    Callback {
        function: Name,
        callback: &'static str,
        by: ProbedBy,
        calls: u64,
        refused: u64,
        longest_ns: u64,
        missed: usize,
    },
    /// What was not seen.
    Unseen {
        knows_all: bool,
        is_judged: bool,
        uncompared: u64,
        ends: u64,
        reads: u64,
        tables: u64,
        late: u64,
    },
}

impl Item {
    /// Returns the line at `cursor`, and moves that to the next.
    fn take(observed: &Observed, cursor: &mut Cursor) -> Option<Self> {
        match *cursor {
            Cursor::Core(index) => {
                let (mut functions, missed) = observed.core();

                if let Some((function, by)) = functions.nth(index) {
                    *cursor = Cursor::Core(index.wrapping_add(1));
                    return Some(Self::Core {
                        function,
                        by,
                        missed,
                    });
                }
                *cursor = Cursor::Callback(0);
                Self::take(observed, cursor)
            }
            Cursor::Callback(key) => Some(match observed.next_function(key) {
                Some((probe, index, function)) => {
                    *cursor = Cursor::Callback(function.watch().key());
                    callback(probe, index, function)
                }
                None => {
                    *cursor = Cursor::End;
                    Self::unseen(observed)
                }
            }),
            Cursor::End => None,
        }
    }

    /// Returns the last line.
    fn unseen(observed: &Observed) -> Self {
        Self::Unseen {
            knows_all: observed.knows_all(),
            is_judged: observed.core_mm().watch().is_judged(),
            uncompared: observed.core_mm().uncompared(),
            ends: observed.core_mm().unseen(),
            reads: observed.core_mm().unread(),
            tables: observed.tables().lost(),
            late: observed.core_mm().late(),
        }
    }
}

fn callback(
    probe: &FunctionProbe<super::callbacks::Callbacks>,
    index: usize,
    function: &Function,
) -> Item {
    Item::Callback {
        function: function.watch().name().clone(),
        callback: function.callback().name(),
        by: probe.by(index),
        calls: probe.calls(index) as u64,
        refused: function.counts().refused(),
        longest_ns: function.counts().longest_ns(),
        missed: probe.missed(),
    }
}

impl Table for Drivers {
    const NAME: &'static CStr = c"drivers";

    type Cursor = Cursor;
    type Item = Item;

    fn header(out: &SeqFile) {
        seq_print!(
            out,
            "{:<56} {:<10} {:<10} {:>10} {:>8} {:>10} {:>8}\n",
            "FUNCTION",
            "CALLBACK",
            "STATE",
            "CALLS",
            "REFUSED",
            "MAX_US",
            "MISSED"
        );
    }

    fn next(cursor: &mut Cursor) -> Option<Item> {
        if let Some(item) = State::with(|observed| Item::take(observed, cursor)) {
            return item;
        }
        // If it was turned off meanwhile, nothing more comes.
        let is_first = matches!(*cursor, Cursor::Core(0));

        *cursor = Cursor::End;
        is_first.then_some(Item::Off)
    }

    fn show(out: &SeqFile, item: &Item) {
        match item {
            Item::Off => seq_print!(out, "off: write 1 to /sys/module/mnck/parameters/watch\n"),
            Item::Core {
                function,
                by,
                missed,
            } => seq_print!(
                out,
                "{:<56} {:<10} {:<10} {:>10} {:>8} {:>10} {:>8}\n",
                function.to_str().unwrap_or("?"),
                "-",
                state(*by),
                "-",
                "-",
                "-",
                missed
            ),
            Item::Callback {
                function,
                callback,
                by,
                calls,
                refused,
                longest_ns,
                missed,
            } => {
                let Name::Function(function) = function else {
                    return;
                };

                seq_print!(
                    out,
                    "{:<56} {:<10} {:<10} {:>10} {:>8} {:>10} {:>8}\n",
                    function.as_str(),
                    callback,
                    state(*by),
                    calls,
                    refused,
                    longest_ns / 1000,
                    missed
                );
            }
            Item::Unseen {
                knows_all,
                is_judged,
                uncompared,
                ends,
                reads,
                tables,
                late,
            } => {
                if !knows_all {
                    seq_print!(
                        out,
                        "(subscribers from before the watch are not observed)\n"
                    );
                }
                if !is_judged {
                    seq_print!(
                        out,
                        "(the core's ranges are not judged any more: calls were missed)\n"
                    );
                }
                if *uncompared != 0 {
                    seq_print!(
                        out,
                        "({uncompared} refusals at which rule sequence was not judged)\n"
                    );
                }
                if *reads != 0 {
                    seq_print!(
                        out,
                        "({reads} reads of intervals that rule sequence does not see)\n"
                    );
                }
                if *ends != 0 {
                    seq_print!(out, "({ends} ranges ended whose start was not seen)\n");
                }
                if *late != 0 {
                    seq_print!(
                        out,
                        "({late} ranges began while a driver was not probed yet)\n"
                    );
                }
                if *tables != 0 {
                    seq_print!(
                        out,
                        "({tables} registrations of drivers that are not probed)\n"
                    );
                }
            }
        }
    }
}

fn state(by: ProbedBy) -> &'static str {
    match by {
        ProbedBy::Nothing => "not probed",
        ProbedBy::Fprobe => "fprobe",
        ProbedBy::Kretprobe => "kretprobe",
    }
}
