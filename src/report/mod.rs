// SPDX-License-Identifier: GPL-2.0

//! What the user is told of the [`check`](crate::check)s.

use core::fmt::Write;

use kernel::{
    prelude::*,
    str::NullTerminatedFormatter, //
};

use crate::{
    check::Violation,
    ffi::{
        initiator,
        warn, //
    }, //
};

/// Warns of a violation, if it is the first of its kind.
pub(crate) fn violation(violation: &Violation<'_>) {
    if !violation.first {
        return;
    }

    let mut line = [0; 256];
    if let Some(mut line) = NullTerminatedFormatter::new(&mut line) {
        // What does not fit is cut off.
        let _ = write_line(&mut line, violation);
    }
    if let Ok(line) = CStr::from_bytes_until_nul(&line) {
        warn(line);
    }
}

fn write_line(line: &mut impl Write, violation: &Violation<'_>) -> core::fmt::Result {
    let (kind, serial) = violation.who;
    let current = current!();

    line.write_fmt(fmt!(
        "{}: {} {}: {}",
        violation.rule.name(),
        kind,
        serial,
        violation.what
    ))?;
    if let Some(place) = violation.place {
        line.write_fmt(fmt!(": {place}"))?;
    }
    if let Some(initiator) = initiator() {
        line.write_fmt(fmt!(", in {}", &*initiator))?;
    }
    line.write_fmt(fmt!(", [{}]", current.pid()))
}
