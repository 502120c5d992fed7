// SPDX-License-Identifier: GPL-2.0

//! One run of a callback.

use kernel::{
    prelude::*,
    time::{
        Instant,
        Monotonic, //
    },
    types::NotThreadSafe, //
};

use super::{
    Callback,
    Rule,
    Span,
    Watch, //
};
use crate::{
    ffi::{
        current_sleeps,
        HeldMap, //
    },
    module_parameters, //
};

/// One run of a callback, in the current task, until this is dropped.
///
/// Rule `lock-order`: what is locked meanwhile lockdep takes for locked in each callback of the
/// kind.
#[must_use = "a callback is watched until its scope is dropped"]
pub(crate) struct Scope<'a> {
    watch: &'a Watch,
    callback: Callback,
    span: Option<Span>,
    /// How often the task had slept before.
    sleeps: usize,
    /// When the callback was called, if it has a limit.
    begin: Option<Instant<Monotonic>>,
    _map: HeldMap,
    _task: NotThreadSafe,
}

impl<'a> Scope<'a> {
    pub(super) fn new(watch: &'a Watch, callback: Callback, span: Option<Span>) -> Self {
        if watch.is_over() {
            watch.report_at(
                Rule::Release,
                span,
                fmt!("{} after the end of the subscription", callback.name()),
            );
        }
        Self {
            watch,
            callback,
            span,
            sleeps: current_sleeps(),
            begin: (limit() != 0).then(Instant::now),
            _map: HeldMap::acquire(callback.map()),
            _task: NotThreadSafe,
        }
    }

    fn may_sleep(&self) -> bool {
        self.callback.may_sleep() && self.span.is_none_or(|span| span.blockable)
    }
}

/// How long a callback may take, in ms, or 0 for as long as it likes.
fn limit() -> u32 {
    module_parameters::latency_limit_ms.value()
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        let slept = current_sleeps().wrapping_sub(self.sleeps);
        if slept != 0 && !self.may_sleep() {
            self.watch.report_at(
                Rule::NonBlock,
                self.span,
                fmt!("{} slept, {} times", self.callback.name(), slept),
            );
        }

        let Some(begin) = self.begin else {
            return;
        };
        let taken = begin.elapsed().as_millis();
        if taken > limit().into() {
            self.watch.report_at(
                Rule::Latency,
                self.span,
                fmt!(
                    "{} took {} ms, the limit is {} ms",
                    self.callback.name(),
                    taken,
                    limit()
                ),
            );
        }
    }
}
