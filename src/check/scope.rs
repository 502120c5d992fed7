// SPDX-License-Identifier: GPL-2.0

//! One call of a callback.

use kernel::{
    prelude::*,
    time::{
        Instant,
        Monotonic, //
    },
    types::NotThreadSafe, //
};

use super::{
    ledger::Token,
    Rule,
    Watch, //
};
use crate::{
    event::{
        Call,
        Callback, //
    },
    ffi::{
        current_run_delay,
        current_sleeps,
        HeldMap,
        MightSleep,
        Section, //
    },
    module_parameters, //
};

/// One call of a callback, in the current task, until this is dropped.
///
/// Rule `lock-order`: lockdep learns for all callbacks of the kind which locks are taken in one.
#[must_use = "a callback is checked until its scope is dropped"]
pub(crate) struct Scope<'a> {
    watch: &'a Watch,
    call: Call,
    token: Option<Token>,
    opens: bool,
    /// How often the task had slept before.
    sleeps: usize,
    /// When the callback was called, if it has a limit.
    begin: Option<Begin>,
    /// The section in which the probes look for what the callback might have slept for, if there is
    /// room for one.
    section: Option<Section>,
    _map: HeldMap,
    _task: NotThreadSafe,
}

impl<'a> Scope<'a> {
    #[inline]
    pub(super) fn new(watch: &'a Watch, callback: Callback, call: Call, token: Token) -> Self {
        Self {
            watch,
            call,
            token: Some(token),
            opens: false,
            sleeps: current_sleeps(),
            begin: (limit() != 0).then(|| Begin::now(watch)),
            section: Section::begin(),
            _map: HeldMap::acquire(callback),
            _task: NotThreadSafe,
        }
    }

    /// Records that this is a start which succeeds, of a subscriber that has an end: the end is due.
    #[inline]
    pub(crate) fn opens(&mut self) {
        self.opens = true;
    }

    fn name(&self) -> &'static str {
        self.call.activity.name()
    }

    /// Rule `non-block`: reports that the callback has slept `sleeps` times, or that it would have
    /// slept if a lock had not been free.
    fn check_sleep(&self, sleeps: usize, might_sleep: Option<&MightSleep>) {
        if self.call.may_sleep() {
            return;
        }
        if sleeps != 0 {
            let times = if sleeps == 1 { "time" } else { "times" };

            self.watch.report(
                Rule::NonBlock,
                self.call.range,
                fmt!("{} slept {sleeps} {times}", self.name()),
            );
        } else if let Some((lock, function)) = might_sleep.and_then(MightSleep::lock) {
            self.watch.report(
                Rule::NonBlock,
                self.call.range,
                fmt!(
                    "{} might have slept for lock {} in {}",
                    self.name(),
                    lock,
                    function
                ),
            );
        }
    }

    /// Rule `reclaim`: reclaim itself calls all callbacks but the release.
    fn check_reclaim(&self, might_sleep: Option<&MightSleep>) {
        if self.call.callback() == Some(Callback::Release) {
            return;
        }
        if let Some(function) = might_sleep.and_then(MightSleep::allocated_in) {
            self.watch.report(
                Rule::Reclaim,
                self.call.range,
                fmt!(
                    "{} allocates with direct reclaim in {}",
                    self.name(),
                    function
                ),
            );
        }
    }

    /// Rule `latency`.
    fn check_latency(&self, begin: &Begin) {
        let taken = begin.taken_ms(self.watch);

        if taken > u64::from(limit()) {
            self.watch.report(
                Rule::Latency,
                self.call.range,
                fmt!(
                    "{} took {} ms, the limit is {} ms",
                    self.name(),
                    taken,
                    limit()
                ),
            );
        }
    }
}

/// The moment when a callback was called.
struct Begin {
    time: Instant<Monotonic>,
    /// How long the task had waited for a CPU, in ns.
    run_delay: u64,
    /// How long the task had been in reports, in ns.
    reporting: u64,
}

impl Begin {
    fn now(watch: &Watch) -> Self {
        Self {
            time: Instant::now(),
            run_delay: current_run_delay(),
            reporting: watch.calls().reporting(),
        }
    }

    /// Returns how long the callback has taken, in ms. The time in which other tasks had the CPU, or
    /// mnck wrote a report, is not the callback's.
    fn taken_ms(&self, watch: &Watch) -> u64 {
        let taken = u64::try_from(self.time.elapsed().as_nanos()).unwrap_or(0);
        let run_delay = current_run_delay().wrapping_sub(self.run_delay);
        let reporting = watch.calls().reporting().wrapping_sub(self.reporting);

        taken.saturating_sub(run_delay).saturating_sub(reporting) / 1_000_000
    }
}

/// How long a callback may take, in ms, or 0 for as long as it likes.
fn limit() -> u32 {
    module_parameters::latency_limit_ms.value()
}

impl Drop for Scope<'_> {
    #[inline]
    fn drop(&mut self) {
        let sleeps = current_sleeps().wrapping_sub(self.sleeps);
        // First, so that the reports are not counted in.
        let might_sleep = self.section.take().and_then(Section::end);

        if let Some(begin) = &self.begin {
            self.check_latency(begin);
        }
        self.check_sleep(sleeps, might_sleep.as_ref());
        self.check_reclaim(might_sleep.as_ref());

        if let Some(token) = self.token.take() {
            self.watch.calls().finish(token, &self.call, self.opens);
        }
    }
}
