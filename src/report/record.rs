// SPDX-License-Identifier: GPL-2.0

//! Violations and registrations as records for users.

use kernel::{
    fmt,
    prelude::*, //
};

use super::{
    line::Caller,
    text::Text, //
};
use crate::{
    check::Violation,
    event::{
        platform::Current,
        Range,
        Registration,
        Task, //
    },
    ffi::{
        clock_ns,
        subscriptions::{
            Subscription,
            Symbol, //
        },
        uapi::*, //
    }, //
};

/// Returns a text for a record, as much of it as there is room for, and a 0.
pub(crate) fn text<const N: usize>(what: fmt::Arguments<'_>) -> [u8; N] {
    Text::of(what).into_bytes()
}

/// Returns an empty record of this type, of now.
fn record(kind: u32) -> mnck_record_event {
    mnck_record_event {
        size: size_of::<mnck_record_event>() as u32,
        type_: kind,
        time: clock_ns(),
        ..Default::default()
    }
}

/// Adds the range of an event to a record.
fn add_range(record: &mut mnck_record_event, range: Range) {
    record.flags |= MNCK_RECORD_HAS_RANGE;
    if range.blockable {
        record.flags |= MNCK_RECORD_BLOCKABLE;
    }
    record.event = range.kind.0;
    record.start = range.start as u64;
    record.end = range.end as u64;
}

/// Adds the task in which an event was.
fn add_task(record: &mut mnck_record_event, task: &Task) {
    record.tid = task.pid;
    for (to, from) in record
        .comm
        .iter_mut()
        .zip(task.comm.iter().flat_map(|word| word.to_ne_bytes()))
    {
        *to = from;
    }
}

/// Returns the record of a violation, which `caller` has called the core for.
pub(super) fn of_violation(
    violation: &Violation<'_>,
    caller: Option<&Caller>,
) -> mnck_record_event {
    let mut record = record(MNCK_RECORD_VIOLATION);

    record.rule = violation.rule as u32;
    record.pid = violation.process.pid.unwrap_or(0);
    if violation.is_broken {
        record.flags |= MNCK_RECORD_BROKEN;
    }
    record.took = violation.took_ns.unwrap_or(0);
    if let Some(range) = violation.range {
        add_range(&mut record, range);
    }
    match violation.by {
        Some(by) => add_task(&mut record, &by.task),
        None => add_task(&mut record, &Current::get().task()),
    }
    record.driver = text(fmt!("{}", violation.subscriber.name()));
    record.what = text(violation.what);
    if let Some(caller) = caller {
        record.caller = text(fmt!("{caller}"));
    }
    record
}

/// Returns the record of a registration.
pub(super) fn of_registration(registration: &Registration) -> mnck_record_event {
    let mut record = record(if registration.is_begin {
        MNCK_RECORD_REGISTERED
    } else {
        MNCK_RECORD_UNREGISTERED
    });
    let subscription = Subscription::of_table(registration.table, registration.is_interval);

    record.time = registration.time;
    record.pid = registration.pid;
    add_task(&mut record, &registration.task);
    if registration.is_interval {
        record.flags = MNCK_RECORD_HAS_RANGE;
        record.start = registration.start as u64;
        record.end = registration.end as u64;
    }
    record.driver = text(fmt!("{}", Symbol::of_driver(&subscription).as_str()));
    record.what = text(fmt!("{}", subscription.callback_names()));
    record.caller = text(fmt!(
        "{}",
        Symbol::of_function(registration.caller).as_str()
    ));
    record
}
