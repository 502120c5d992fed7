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
        HeldMap,
        Luck,
        Stretch, //
    },
    module_parameters,
    report, //
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
    /// What it might have slept for is seen in here. Nothing, if there is no room to see it.
    stretch: Option<Stretch>,
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
        report::called(watch.name(), callback, span);
        Self {
            watch,
            callback,
            span,
            sleeps: current_sleeps(),
            begin: (limit() != 0).then(Instant::now),
            _map: HeldMap::acquire(callback.map()),
            stretch: Stretch::begin(),
            _task: NotThreadSafe,
        }
    }

    /// Rule `non-block`: who has slept `sleeps` times, or had luck that he has not.
    fn check_sleep(&self, sleeps: usize, luck: Option<&Luck>) {
        if self.may_sleep() {
            return;
        }
        if sleeps != 0 {
            self.watch.report_at(
                Rule::NonBlock,
                self.span,
                fmt!("{} slept, {} times", self.callback.name(), sleeps),
            );
        } else if let Some((lock, function)) = luck.and_then(Luck::lock) {
            self.watch.report_at(
                Rule::NonBlock,
                self.span,
                fmt!(
                    "{} might sleep, for lock {} in {}",
                    self.callback.name(),
                    lock,
                    function
                ),
            );
        }
    }

    /// Rule `reclaim`: reclaim itself calls all callbacks but the release.
    fn check_reclaim(&self, luck: Option<&Luck>) {
        if self.callback == Callback::Release {
            return;
        }
        if let Some(function) = luck.and_then(Luck::allocated_in) {
            self.watch.report_at(
                Rule::Reclaim,
                self.span,
                fmt!(
                    "{} allocates with direct reclaim in {}",
                    self.callback.name(),
                    function
                ),
            );
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
        let sleeps = current_sleeps().wrapping_sub(self.sleeps);
        // First, so that the reports are not counted in.
        let luck = self.stretch.take().and_then(Stretch::end);

        self.check_sleep(sleeps, luck.as_ref());
        self.check_reclaim(luck.as_ref());

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
