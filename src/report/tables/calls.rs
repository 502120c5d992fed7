// SPDX-License-Identifier: GPL-2.0

//! What the tables of calls have in common.

use kernel::{
    prelude::*,
    seq_file::SeqFile,
    seq_print, //
};

use super::{
    name,
    Name, //
};
use crate::{
    check::{
        ledger::{
            Phase,
            Recorded, //
        },
        Registry, //
    },
    event::platform::{
        ticks,
        TICKS_PER_SECOND, //
    },
    ffi::initiator_of,
    report::text::Text, //
};

/// Copies the first call of a `wanted` phase at or behind `cursor`, with the name of its subscriber,
/// and moves `cursor` behind it.
pub(super) fn next_call(
    cursor: &mut usize,
    wanted: impl Fn(Phase) -> bool,
) -> Option<(Name, Recorded)> {
    let registry = Registry::get()?;

    loop {
        let (next, recorded) = registry.calls().next(*cursor)?;

        *cursor = next;
        if wanted(recorded.phase) {
            let name = registry
                .find(recorded.call.subscriber)
                .map_or(Text::of(fmt!("-")), |watched| name(&watched));

            return Some((name, recorded));
        }
    }
}

/// Writes the rest of the line of a call: its range, its age, its task and its initiator.
pub(super) fn show_call(out: &SeqFile, recorded: &Recorded) {
    let age_ms = u64::from(recorded.age(ticks())) * 1000 / u64::from(TICKS_PER_SECOND);

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
        age_ms,
        Text::<96>::of(fmt!("{}", recorded.task))
    );
    match initiator_of(&recorded.task) {
        Some(function) => seq_print!(out, "{}\n", &*function),
        None => seq_print!(out, "-\n"),
    }
}
