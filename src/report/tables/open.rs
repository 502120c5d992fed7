// SPDX-License-Identifier: GPL-2.0

//! The table of open ranges.

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

/// The ranges that have a start and no end yet, for each subscriber whose end is due.
pub(super) struct OpenRanges;

impl Table for OpenRanges {
    const NAME: &'static CStr = c"open";

    /// The place of the next call in the ledger.
    type Cursor = usize;
    type Item = (Name, Recorded);

    fn header(out: &SeqFile) {
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
    }

    fn next(cursor: &mut usize) -> Option<(Name, Recorded)> {
        next_call(cursor, |phase| matches!(phase, Phase::Open | Phase::Ending))
    }

    fn show(out: &SeqFile, (name, recorded): &(Name, Recorded)) {
        seq_print!(out, "{name:<20} ");
        show_call(out, recorded);
    }
}
