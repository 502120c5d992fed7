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
        parameters,
        HeldMap,
        MightSleep,
        Section, //
    },
};

/// One call of a callback, in the current task, until this is dropped.
///
/// Rule `lock-order`: lockdep learns for all callbacks of the kind which locks are taken in one.
#[must_use = "a callback is checked until its scope is dropped"]
pub(crate) struct Scope<'a> {
    watch: &'a Watch,
    /// Always there, but in the drop.
    token: Option<Token<'a>>,
    opens: bool,
    /// What is checked of this call, if there is anything but its place in the ledger.
    close: Option<Close>,
    _map: HeldMap,
    _task: NotThreadSafe,
}

/// What is checked of a call that must not sleep, or while a limit or a probe is on.
struct Close {
    call: Call,
    /// When the callback was called, if it has a limit.
    begin: Option<Begin>,
    /// Watches the callback for sleeps. `None` only once that has ended.
    section: Option<Section>,
}

impl<'a> Scope<'a> {
    #[inline(always)]
    pub(super) fn new(watch: &'a Watch, callback: Callback, call: &Call, token: Token<'a>) -> Self {
        let mut this = Self {
            watch,
            token: Some(token),
            opens: false,
            close: None,
            _map: HeldMap::acquire(callback),
            _task: NotThreadSafe,
        };

        if parameters::measures() || !call.may_sleep() {
            Close::start(&mut this.close, this.token.as_ref(), call);
        }
        this
    }

    /// Records that this is a start which succeeds, of a subscriber that has an end: the end is due.
    #[inline(always)]
    pub(crate) fn opens(&mut self) {
        self.opens = true;
    }
}

impl Drop for Scope<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(close) = &mut self.close {
            close.finish(self.watch, self.token.as_ref());
        }
        if let Some(token) = self.token.take() {
            self.watch
                .calls()
                .finish(token, self.watch.key(), self.opens);
        }
    }
}

impl Close {
    /// Fills `close`, where it stays: it is large, and most calls need none.
    #[cold]
    #[inline(never)]
    fn start(close: &mut Option<Self>, token: Option<&Token<'_>>, call: &Call) {
        *close = Some(Self {
            call: *call,
            begin: parameters::measures().then(|| Begin::now(token)),
            section: Some(Section::begin()),
        });
    }

    #[cold]
    #[inline(never)]
    fn finish(&mut self, watch: &Watch, token: Option<&Token<'_>>) {
        // First, so that the reports are not counted in.
        let (sleeps, might_sleep) = self.section.take().map_or((0, None), Section::end);

        if let Some(begin) = &self.begin {
            self.check_latency(watch, begin.taken_ms(token));
        }
        self.check_sleep(watch, sleeps, might_sleep.as_ref());
        self.check_reclaim(watch, might_sleep.as_ref());
    }

    fn name(&self) -> &'static str {
        self.call.activity.name()
    }

    /// Rule `non-block`: reports that the callback has slept `sleeps` times, or that it would have
    /// slept if a lock had not been free.
    fn check_sleep(&self, watch: &Watch, sleeps: usize, might_sleep: Option<&MightSleep>) {
        if self.call.may_sleep() {
            return;
        }
        if sleeps != 0 {
            let times = if sleeps == 1 { "time" } else { "times" };

            watch.report(
                Rule::NonBlock,
                self.call.range,
                fmt!("{} slept {sleeps} {times}", self.name()),
            );
        } else if let Some((lock, function)) = might_sleep.and_then(MightSleep::lock) {
            watch.report(
                Rule::NonBlock,
                self.call.range,
                fmt!(
                    "{} might have slept for lock {} in {}",
                    self.name(),
                    lock,
                    function
                ),
            );
        } else if might_sleep.is_some_and(MightSleep::scheduled) {
            watch.report(
                Rule::NonBlock,
                self.call.range,
                fmt!("{} called schedule() but did not sleep", self.name()),
            );
        }
    }

    /// Rule `reclaim`: reclaim itself calls all callbacks but the release.
    fn check_reclaim(&self, watch: &Watch, might_sleep: Option<&MightSleep>) {
        if self.call.callback() == Some(Callback::Release) {
            return;
        }
        if let Some(function) = might_sleep.and_then(MightSleep::allocated_in) {
            watch.report(
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
    fn check_latency(&self, watch: &Watch, taken: u64) {
        let limit = parameters::latency_limit_ms.value();

        if limit != 0 && taken > u64::from(limit) {
            watch.report(
                Rule::Latency,
                self.call.range,
                fmt!(
                    "{} took {} ms, the limit is {} ms",
                    self.name(),
                    taken,
                    limit
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
    fn now(token: Option<&Token<'_>>) -> Self {
        Self {
            time: Instant::now(),
            run_delay: current_run_delay(),
            reporting: token.map_or(0, Token::reporting),
        }
    }

    /// Returns how long the callback has taken, in ms. The time in which other tasks had the CPU, or
    /// mnck wrote a report, is not the callback's.
    fn taken_ms(&self, token: Option<&Token<'_>>) -> u64 {
        let taken = u64::try_from(self.time.elapsed().as_nanos()).unwrap_or(0);
        let run_delay = current_run_delay().wrapping_sub(self.run_delay);
        let reporting = token
            .map_or(0, Token::reporting)
            .wrapping_sub(self.reporting);

        taken.saturating_sub(run_delay).saturating_sub(reporting) / 1_000_000
    }
}
