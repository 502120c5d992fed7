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
    RangeInfo,
    Rule,
    Watch, //
};
use crate::{
    ffi::{
        current_sleeps,
        HeldMap,
        MightSleep,
        Section, //
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
    range: Option<RangeInfo>,
    /// How often the task had slept before.
    sleeps: usize,
    /// When the callback was called, if it has a limit.
    begin: Option<Instant<Monotonic>>,
    /// What it might have slept for is seen in here. Nothing, if there is no room to see it.
    section: Option<Section>,
    _map: HeldMap,
    _task: NotThreadSafe,
}

impl<'a> Scope<'a> {
    pub(super) fn new(watch: &'a Watch, callback: Callback, range: Option<RangeInfo>) -> Self {
        if watch.is_over() {
            watch.report_at(
                Rule::Release,
                range,
                fmt!("{} after the subscriber was detached", callback.name()),
            );
        }
        report::called(watch.name(), callback, range);
        Self {
            watch,
            callback,
            range,
            sleeps: current_sleeps(),
            begin: (limit() != 0).then(Instant::now),
            _map: HeldMap::acquire(callback.map()),
            section: Section::begin(),
            _task: NotThreadSafe,
        }
    }

    /// Rule `non-block`: who has slept `sleeps` times, or had luck that he has not.
    fn check_sleep(&self, sleeps: usize, might_sleep: Option<&MightSleep>) {
        if self.may_sleep() {
            return;
        }
        if sleeps != 0 {
            let times = if sleeps == 1 { "time" } else { "times" };

            self.watch.report_at(
                Rule::NonBlock,
                self.range,
                fmt!("{} slept {sleeps} {times}", self.callback.name()),
            );
        } else if let Some((lock, function)) = might_sleep.and_then(MightSleep::lock) {
            self.watch.report_at(
                Rule::NonBlock,
                self.range,
                fmt!(
                    "{} might have slept for lock {} in {}",
                    self.callback.name(),
                    lock,
                    function
                ),
            );
        }
    }

    /// Rule `reclaim`: reclaim itself calls all callbacks but the release.
    fn check_reclaim(&self, might_sleep: Option<&MightSleep>) {
        if self.callback == Callback::Release {
            return;
        }
        if let Some(function) = might_sleep.and_then(MightSleep::allocated_in) {
            self.watch.report_at(
                Rule::Reclaim,
                self.range,
                fmt!(
                    "{} allocates with direct reclaim in {}",
                    self.callback.name(),
                    function
                ),
            );
        }
    }

    fn may_sleep(&self) -> bool {
        self.callback.may_sleep() && self.range.is_none_or(|range| range.blockable)
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
        let might_sleep = self.section.take().and_then(Section::end);

        self.check_sleep(sleeps, might_sleep.as_ref());
        self.check_reclaim(might_sleep.as_ref());

        let Some(begin) = self.begin else {
            return;
        };
        let taken = begin.elapsed().as_millis();
        if taken > limit().into() {
            self.watch.report_at(
                Rule::Latency,
                self.range,
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
