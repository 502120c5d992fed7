// SPDX-License-Identifier: GPL-2.0

//! A violation in one line.

use kernel::prelude::*;

use super::text::Text;
use crate::{
    check::Violation,
    ffi::{
        initiator,
        subscriptions::Symbol,
        task_name, //
    }, //
};

/// Long enough for all that is said here with names as long as they get.
pub(super) type Line = Text<256>;

/// The name of a function that has called the core.
pub(super) type Caller = Text<128>;

/// Returns the function that has called the core for a range, if it is known. That is looked up on the
/// stack the first time only, since it is slow.
pub(super) fn caller(violation: &Violation<'_>) -> Option<Caller> {
    let Some(by) = violation.by else {
        return violation
            .first
            .then(|| initiator(current!()))
            .flatten()
            .map(|function| Caller::of(fmt!("{}", &*function)));
    };

    (by.call.initiator != 0)
        .then(|| Symbol::of_function(by.call.initiator))
        // A copy of the inline function that calls the core says nothing.
        .filter(|function| {
            !function
                .as_str()
                .starts_with("mmu_notifier_invalidate_range_")
        })
        .map(|function| Caller::of(fmt!("{}", function.as_str())))
}

/// The line that reports `violation`, which `caller` has called the core for:
///
/// ```text
/// pairing: counter 12: end without a start: CLEAR 0x7f..-0x7f.. non-blockable, in
///     zap_vma_for_reaping, oom_reaper[57]
/// ```
pub(super) fn line(violation: &Violation<'_>, caller: Option<&Caller>) -> Line {
    let mut line = Line::of(fmt!(
        "{}: {}: {}",
        violation.rule.name(),
        violation.subscriber.name(),
        violation.what
    ));

    if let Some(range) = violation.range {
        line.add(fmt!(": {range}"));
    }
    if let Some(caller) = caller {
        line.add(fmt!(", in {caller}"));
    }
    match violation.by {
        Some(by) => line.add(fmt!(", {}", by.task)),
        None => {
            let task = &current!();

            line.add(fmt!(", {}[{}]", &*task_name(task), task.pid()));
        }
    }
    line
}
