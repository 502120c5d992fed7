// SPDX-License-Identifier: GPL-2.0

//! A subscriber under check.

use core::ops::Deref;

use kernel::{
    fmt,
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        SpinLock, //
    },
    task::Pid, //
};

use super::{
    callback::Finding,
    later::Late,
    ledger::{
        Mismatch,
        Phase,
        Recorded, //
    },
    registry::{
        Calls,
        Counts,
        Listed,
        Space, //
    },
    sequence::Sequence,
    trace,
    violation::{
        Process,
        Violation, //
    },
    Name,
    Registry,
    Rule,
    Scope, //
};
use crate::{
    event::{
        platform::{
            ticks,
            Current, //
        },
        Activity,
        Call,
        Callback,
        Kind,
        Range,
        Tasks,
        Wait, //
    },
    ffi::AllTasks, //
};

/// A subscriber under check: its name, its calls, and the rules that it broke.
///
/// It is listed for the user until it is dropped, which never sleeps.
pub(crate) struct Watch {
    // Dropped first: what is about to go is not found any more.
    listed: Listed,
    calls: Arc<Calls>,
}

/// What a user may read of a [`Watch`].
#[pin_data]
pub(crate) struct Watched {
    key: u64,
    name: Name,
    /// The mm that it is attached to.
    space: Arc<Space>,
    /// The process that it is attached to, or 0 if that is not known.
    target: Atomic<i32>,
    /// Whether the mm has been released: no new ranges come.
    released: Atomic<bool>,
    /// Whether no callback may come any more.
    over: Atomic<bool>,
    violations: Counts,
    /// Protects itself. Taken in callbacks, and by others that refuse.
    #[pin]
    sequence: SpinLock<Sequence>,
}

/// How far a subscription is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Callbacks come.
    Attached,
    /// The mm was released; a few callbacks may come still.
    Released,
    /// None may come.
    Over,
}

impl Watch {
    /// Makes a watch of the subscriber that is called by its `kind` and `serial` number, as in
    /// "counter 12", and that is attached to `mm`. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: the module is about to go.
    /// - [`ENOMEM`]: out of memory.
    pub(crate) fn new(kind: &'static CStr, serial: u64, mm: usize) -> Result<Arc<Self>> {
        Self::of(Name::Model(kind, serial), mm)
    }

    /// Makes a watch of what has this `name`: the core, or a callback of a driver, for which `mm` is
    /// 0. May sleep.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub(crate) fn of(name: Name, mm: usize) -> Result<Arc<Self>> {
        let registry = Registry::get().ok_or(ENODEV)?;
        let calls = registry.calls().clone();
        let listed = registry.list(mm, |key, space| {
            Arc::pin_init(
                pin_init!(Watched {
                    key,
                    name,
                    space,
                    target: Atomic::new(0),
                    released: Atomic::new(false),
                    over: Atomic::new(false),
                    violations: Counts::new(),
                    sequence <- new_spinlock!(Sequence::default(), "Watched::sequence"),
                }),
                GFP_KERNEL_ACCOUNT,
            )
        })?;

        Ok(Arc::new(Self { listed, calls }, GFP_KERNEL_ACCOUNT)?)
    }

    /// Records that it is attached to the process `pid`.
    pub(crate) fn set_target(&self, pid: Pid) {
        self.target.store(pid, Relaxed);
    }

    /// Checks one call of a callback, until the scope is dropped, in the same task.
    #[inline(always)]
    pub(crate) fn enter(&self, callback: Callback, range: Option<Range>) -> Scope<'_> {
        let call = self.call(Activity::Callback(callback), range);

        self.before(callback, range);
        let token = self.calls.begin(&call, |leak| self.report_leak(leak));
        Scope::new(self, callback, &call, token)
    }

    /// As [`enter`](Self::enter), for the end of a range whose start has
    /// [opened](Scope::opens) it.
    #[inline(always)]
    pub(crate) fn enter_end(&self, callback: Callback, range: Range) -> Scope<'_> {
        let call = self.call(Activity::Callback(callback), Some(range));

        self.before(callback, Some(range));
        let token = self
            .calls
            .begin_end(&call, |mismatch| self.report_mismatch(mismatch, range));
        Scope::new(self, callback, &call, token)
    }

    /// Calls `wait`, a function of the core that waits for callbacks, and records meanwhile that
    /// the current task waits.
    pub(crate) fn while_waiting<R>(&self, wait: Wait, function: impl FnOnce() -> R) -> R {
        let call = self.call(Activity::Wait(wait), None);
        let token = self.calls.begin(&call, |_| ());
        let result = function();

        self.calls.finish(token, self.key, false);
        result
    }

    #[inline(always)]
    fn before(&self, callback: Callback, range: Option<Range>) {
        trace::called(|| self.model(), callback, range);
        if callback == Callback::Invalidate
            && range.is_some_and(|range| range.kind == Kind::RELEASE)
        {
            // An interval subscriber has no release of its own.
            self.released.store(true, Relaxed);
        }
        if self.is_over() {
            self.report_over(callback, range);
        }
    }

    #[cold]
    fn report_over(&self, callback: Callback, range: Option<Range>) {
        self.report(
            Rule::Release,
            range,
            fmt!("{} after the subscriber was detached", callback.name()),
        );
    }

    #[inline(always)]
    fn call(&self, activity: Activity, range: Option<Range>) -> Call {
        Call {
            subscriber: self.key,
            activity,
            mm: self.mm(),
            range,
            initiator: 0,
        }
    }

    /// Records that its start refuses `range`, whatever comes of that.
    #[inline]
    pub(crate) fn refuses(&self, range: Range) {
        trace::refused(self.model(), range);
    }

    /// Records that the invalidation of `range` is over for this subscriber, so that no end may be
    /// due.
    pub(crate) fn range_over(&self, range: Range) {
        if self.calls.close_one(self.key, range.address).is_some() {
            // Not as another leak: the task and the callback are those that have begun it.
            self.report(Rule::Pairing, Some(range), fmt!("start without an end"));
        }
    }

    /// Closes `range`, which is open, because the subscription ends before the range. That is no
    /// violation, unless the task that has started it has exited. It may be the current task, whose
    /// start has returned too late.
    pub(crate) fn closed(&self, range: Range) {
        let closed = self.calls.close_one(self.key, range.address);

        if let Some(leak) = closed.filter(|closed| AllTasks.has_exited(&closed.task)) {
            self.report_leak(&leak);
        }
    }

    /// Records that the mm is released. The ranges that are open in tasks that have exited, and in
    /// the current one, are leaks. Starts and ends may still come in other tasks.
    pub(crate) fn released(&self) {
        self.close(false, !self.is_released());
        self.released.store(true, Relaxed);
    }

    /// Records that the subscription is over, so that from here on each callback breaks rule
    /// `release`. Comes after the core has unlinked the subscriber, and before the subscriber is
    /// freed.
    pub(crate) fn over(&self) {
        let was_released = self.is_released();

        self.over.store(true, Relaxed);
        self.close(true, !was_released);
    }

    /// Closes the open ranges: those that are leaks, or `all`. Reports the leaks if they are
    /// `judged`: not once the mm was released, since the core then drops ends.
    fn close(&self, all: bool, judged: bool) {
        self.calls.close(self.key, all, &AllTasks, |leak| {
            if judged {
                self.report_leak(&leak);
            }
        });
    }

    fn report_leak(&self, leak: &Recorded) {
        let time = self.registry().report_leak(self, leak);

        self.calls.add_reporting(time);
    }

    /// Counts and reports that it broke `rule` with `what` it did in `range`, in the callback that
    /// the current task runs.
    pub(crate) fn report(&self, rule: Rule, range: Option<Range>, what: fmt::Arguments<'_>) {
        let time = self.registry().report(Violation {
            range,
            ..Violation::new(rule, self, what)
        });

        self.calls.add_reporting(time);
    }

    /// Counts and reports that it broke `rule` with `what` it did, to this process.
    pub(crate) fn report_to(&self, rule: Rule, process: Process, what: fmt::Arguments<'_>) {
        self.registry().report(Violation {
            process,
            ..Violation::new(rule, self, what)
        });
    }

    #[cold]
    fn report_mismatch(&self, mismatch: &Mismatch, range: Range) {
        match mismatch {
            Mismatch::NotOpen => {
                self.report(Rule::Pairing, Some(range), fmt!("end without a start"))
            }
            Mismatch::OtherTask(open) => self.report(
                Rule::Pairing,
                Some(range),
                fmt!(
                    "end in another task than its start, which was in {}",
                    open.task
                ),
            ),
            Mismatch::OtherRange(started) => self.report(
                Rule::Pairing,
                Some(range),
                fmt!("end of another range than its start of {started}"),
            ),
        }
    }

    /// Records that from here on some of its calls are not seen: a range that seems to have no end may
    /// have had one.
    pub(crate) fn stop_judging(&self) {
        self.released.store(true, Relaxed);
    }

    /// Adds what was found in `call`, of the current task, so that it is reported soon. `pid` is the
    /// process that has the mm of the call. Never sleeps, and takes no lock.
    pub(crate) fn report_later(&self, finding: Finding, call: &Call, pid: Option<Pid>) {
        self.registry().report_later(&Late {
            finding,
            by: Recorded {
                task: Current::get().task(),
                call: *call,
                phase: Phase::Running,
                since: ticks(),
            },
            pid,
        });
    }

    /// Adds that `leak` has no end, so that it is reported soon. Never sleeps, and takes no lock.
    pub(crate) fn report_leak_later(&self, leak: &Recorded) {
        self.registry().report_later(&Late {
            finding: Finding::NotEnded,
            by: *leak,
            pid: None,
        });
    }

    /// Returns the calls of all subscribers.
    #[inline]
    pub(crate) fn calls(&self) -> &Calls {
        &self.calls
    }

    fn registry(&self) -> &Registry {
        self.listed.registry()
    }
}

impl Deref for Watch {
    type Target = Watched;

    #[inline]
    fn deref(&self) -> &Watched {
        self.listed.watched()
    }
}

impl Watched {
    /// Returns the number that the ledger knows the subscriber by.
    pub(crate) fn key(&self) -> u64 {
        self.key
    }

    /// Returns the kind of a model subscriber, and its serial number.
    pub(crate) fn model(&self) -> (&'static CStr, u64) {
        self.name.model()
    }

    /// Returns its name.
    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    /// Returns what it shares with the other subscribers of its mm.
    #[inline]
    pub(crate) fn space(&self) -> &Arc<Space> {
        &self.space
    }

    /// Returns the address of the mm that it is attached to. Only to be compared.
    #[inline]
    pub(super) fn mm(&self) -> usize {
        self.space.mm()
    }

    /// Returns the process that it is attached to, if that is known.
    pub(crate) fn target(&self) -> Option<Pid> {
        Some(self.target.load(Relaxed)).filter(|pid| *pid != 0)
    }

    /// Returns how far the subscription is.
    pub(crate) fn state(&self) -> State {
        if self.is_over() {
            State::Over
        } else if self.is_released() {
            State::Released
        } else {
            State::Attached
        }
    }

    /// Returns what it knows of the interval sequence, if it is an interval subscriber.
    pub(super) fn sequence(&self) -> &SpinLock<Sequence> {
        &self.sequence
    }

    /// Returns whether ranges without an end are judged.
    pub(crate) fn is_judged(&self) -> bool {
        !self.is_released()
    }

    /// Returns whether the mm was released. The core then drops the ends of ranges that are open in
    /// other tasks.
    pub(super) fn is_released(&self) -> bool {
        self.released.load(Relaxed)
    }

    #[inline]
    fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    /// Counts a violation of `rule`, and returns whether it is the first.
    pub(crate) fn count(&self, rule: Rule) -> bool {
        self.violations.count(rule)
    }

    /// Returns how often it broke `rule`.
    pub(crate) fn violations(&self, rule: Rule) -> u64 {
        self.violations.get(rule)
    }
}
