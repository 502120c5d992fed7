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

/// The line that reports `violation`:
///
/// ```text
/// pairing: counter 12: end without a start: CLEAR 0x7f..-0x7f.. non-blockable, in
///     zap_vma_for_reaping, oom_reaper[57]
/// ```
///
/// Who has begun the range is looked up the first time only, since that is slow.
pub(super) fn line(violation: &Violation<'_>) -> Line {
    let task = &current!();
    let mut line = Line::of(fmt!(
        "{}: {}: {}",
        violation.rule.name(),
        violation.subscriber.name(),
        violation.what
    ));

    if let Some(range) = violation.range {
        line.add(fmt!(": {range}"));
    }
    if let Some(by) = violation.by {
        if by.call.initiator != 0 {
            let function = Symbol::of_function(by.call.initiator);

            // A copy of the inline function that calls the core says nothing.
            if !function
                .as_str()
                .starts_with("mmu_notifier_invalidate_range_")
            {
                line.add(fmt!(", in {}", function.as_str()));
            }
        }
        line.add(fmt!(", {}", by.task));
        return line;
    }
    if let Some(function) = violation.first.then(|| initiator(task)).flatten() {
        line.add(fmt!(", in {}", &*function));
    }
    line.add(fmt!(", {}[{}]", &*task_name(task), task.pid()));
    line
}
