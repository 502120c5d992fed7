// SPDX-License-Identifier: GPL-2.0

//! The table of callbacks that run.

use kernel::{
    prelude::*,
    seq_file::SeqFile,
    seq_print, //
};

use super::{
    calls::{
        next_call,
        show_call, //
    },
    Name, //
};
use crate::{
    check::ledger::{
        Phase,
        Recorded, //
    },
    ffi::Table, //
};

/// The callbacks that run, and the tasks that wait for callbacks.
pub(super) struct Running;

impl Table for Running {
    const NAME: &'static CStr = c"running";

    /// The place of the next call in the ledger.
    type Cursor = usize;
    type Item = (Name, Recorded);

    fn header(out: &SeqFile) {
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
    }

    fn next(cursor: &mut usize) -> Option<(Name, Recorded)> {
        next_call(cursor, |phase| phase != Phase::Open)
    }

    fn show(out: &SeqFile, (name, recorded): &(Name, Recorded)) {
        seq_print!(out, "{name:<20} {:<11} ", recorded.call.activity.name());
        show_call(out, recorded);
    }
}
