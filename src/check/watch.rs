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
    task::{
        Pid,
        Task, //
    }, //
};

use super::{
    ledger::{
        Ledger,
        Mismatch, //
    },
    registry::{
        Counts,
        Listed, //
    },
    sequence::Sequence,
    Callback,
    Open,
    RangeInfo,
    Registry,
    Rule,
    Scope,
    Violation, //
};
use crate::{
    mmu_notifier::{
        Range,
        RangeId, //
    },
    report, //
};

/// A subscriber under check: who it is, what it has open, and what it broke.
///
/// It is listed for the user until it is dropped, which never sleeps.
pub(crate) struct Watch {
    // Dropped first, so that nobody finds what is about to go.
    listed: Listed,
    watched: Arc<Watched>,
}

/// What a user may read of a [`Watch`].
#[pin_data]
pub(crate) struct Watched {
    kind: &'static CStr,
    serial: u64,
    /// The process that it is attached to, or 0 if that is not known.
    target: Atomic<i32>,
    /// Whether no callback may come any more.
    over: Atomic<bool>,
    violations: Counts,
    /// Protects itself. Taken in callbacks, and for each step of a reader.
    #[pin]
    ledger: SpinLock<Ledger>,
    /// Protects itself. Taken in callbacks, and by others that refuse.
    #[pin]
    sequence: SpinLock<Sequence>,
}

/// How far a subscription is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Callbacks come.
    Attached,
    /// The release was called; a few callbacks may come still.
    Released,
    /// None may come.
    Over,
}

impl Watch {
    /// A watch of the subscriber that is called by its `kind` and `serial` number: "counter 12". May
    /// sleep.
    pub(crate) fn new(kind: &'static CStr, serial: u64) -> Result<Arc<Self>> {
        let registry = Registry::get().ok_or(ENODEV)?;
        let ledger = Ledger::new()?;
        let watched = Arc::pin_init(
            pin_init!(Watched {
                kind,
                serial,
                target: Atomic::new(0),
                over: Atomic::new(false),
                violations: Counts::new(),
                ledger <- new_spinlock!(ledger, "Watched::ledger"),
                sequence <- new_spinlock!(Sequence::default(), "Watched::sequence"),
            }),
            GFP_KERNEL,
        )?;

        Ok(Arc::new(
            Self {
                listed: registry.list(watched.clone())?,
                watched,
            },
            GFP_KERNEL,
        )?)
    }

    /// It is attached to the process `pid`.
    pub(crate) fn set_target(&self, pid: Pid) {
        self.target.store(pid, Relaxed);
    }

    /// Watches one run of a callback, until the scope is dropped, in the same task.
    pub(crate) fn enter(&self, callback: Callback, range: Option<&Range>) -> Scope<'_> {
        Scope::new(self, callback, range.map(RangeInfo::of))
    }

    /// As [`enter`](Self::enter), for a callback that is not told its range, but knows its `id`, and
    /// that it was [`started`](Self::started).
    pub(crate) fn enter_id(&self, callback: Callback, id: RangeId) -> Scope<'_> {
        let range = self.ledger.lock().find(id).map(|open| open.range);

        Scope::new(self, callback, range)
    }

    /// Its start of `range` has succeeded: an end is due.
    pub(crate) fn started(&self, range: &Range) {
        let open = Open::new(range.id(), RangeInfo::of(range));
        let result = self.ledger.lock().start(open);

        if let Err(mismatch) = result {
            self.mismatch(&mismatch, Some(RangeInfo::of(range)));
        }
    }

    /// Its start refuses `range`, whatever comes of that.
    pub(crate) fn refuses(&self, range: &Range) {
        report::refused(self.name(), RangeInfo::of(range));
    }

    /// Its end of `range` has come.
    pub(crate) fn ended(&self, range: &Range) {
        self.end(range.id(), Some(RangeInfo::of(range)));
    }

    /// As [`ended`](Self::ended), where only the `id` of the range is known.
    pub(crate) fn ended_id(&self, id: RangeId) {
        self.end(id, None);
    }

    /// Its `callback` was an end without a start, and it complains of that.
    pub(crate) fn end_not_tolerated(&self, callback: Callback, range: &Range) {
        self.report(
            Rule::Pairing,
            Some(range),
            fmt!(
                "{} without a start, which the driver does not tolerate",
                callback.name()
            ),
        );
    }

    /// The invalidation of `range` is over for this subscriber, so no end may be due.
    pub(crate) fn range_over(&self, range: &Range) {
        let open = self.ledger.lock().over(range.id());

        if let Some(open) = open {
            self.report_at(
                Rule::Pairing,
                Some(open.range),
                fmt!("start without an end"),
            );
        }
    }

    /// The pair of the range with this `id` is closed, since the subscription ends before the range:
    /// no violation.
    pub(crate) fn closed(&self, id: RangeId) {
        let open = self.ledger.lock().over(id);

        // Here, without the lock.
        drop(open);
    }

    /// The subscription ends: what is open is closed, which is no violation. Starts and ends may
    /// come still.
    pub(crate) fn released(&self) {
        let open = self.ledger.lock().release();

        // Here, without the lock.
        drop(open);
    }

    /// The subscription is over: from here on each callback breaks rule `release`.
    pub(crate) fn over(&self) {
        self.released();
        self.over.store(true, Relaxed);
    }

    /// `what` breaks `rule`, in `range`. Counts it, and the first time warns.
    pub(crate) fn report(&self, rule: Rule, range: Option<&Range>, what: fmt::Arguments<'_>) {
        self.report_at(rule, range.map(RangeInfo::of), what);
    }

    /// As [`report`](Self::report), of a range that may have gone.
    pub(super) fn report_at(&self, rule: Rule, range: Option<RangeInfo>, what: fmt::Arguments<'_>) {
        let first = self.violations.count(rule);

        self.listed.count(rule);
        report::violation(&Violation {
            rule,
            subscriber: self,
            what,
            range,
            first,
        });
    }

    fn end(&self, id: RangeId, range: Option<RangeInfo>) {
        let task: *const Task = &**current!();
        let result = self.ledger.lock().end(id, task, range);

        if let Err(mismatch) = result {
            self.mismatch(&mismatch, range);
        }
    }

    /// Reports a `mismatch` in a callback for `range`.
    fn mismatch(&self, mismatch: &Mismatch, range: Option<RangeInfo>) {
        match mismatch {
            Mismatch::StillOpen(open) => self.report_at(
                Rule::Pairing,
                range,
                fmt!("start, but the end of {} has not come", open.range),
            ),
            Mismatch::NotOpen => {
                self.report_at(Rule::Pairing, range, fmt!("end without a start"));
            }
            Mismatch::OtherTask(open) => self.report_at(
                Rule::Pairing,
                range,
                fmt!(
                    "end in another task than its start, which was in task {}",
                    open.task.pid()
                ),
            ),
            Mismatch::OtherRange(open) => self.report_at(
                Rule::Pairing,
                range,
                fmt!("end of another range than its start of {}", open.range),
            ),
        }
    }
}

impl Deref for Watch {
    type Target = Watched;

    fn deref(&self) -> &Watched {
        &self.watched
    }
}

impl Watched {
    /// The kind of subscriber, and its serial number.
    pub(crate) fn name(&self) -> (&'static CStr, u64) {
        (self.kind, self.serial)
    }

    /// The process that it is attached to, if that is known.
    pub(crate) fn target(&self) -> Option<Pid> {
        Some(self.target.load(Relaxed)).filter(|pid| *pid != 0)
    }

    /// How far the subscription is.
    pub(crate) fn state(&self) -> State {
        if self.is_over() {
            State::Over
        } else if self.ledger.lock().is_released() {
            State::Released
        } else {
            State::Attached
        }
    }

    /// What it knows of the interval sequence, if it is an interval subscriber.
    pub(super) fn sequence(&self) -> &SpinLock<Sequence> {
        &self.sequence
    }

    /// Whether no callback may come any more.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    /// How often it broke `rule`.
    pub(crate) fn violations(&self, rule: Rule) -> u64 {
        self.violations.get(rule)
    }

    /// How many pairs it has open, and how many there ever were that could not be noted.
    pub(crate) fn pairs(&self) -> (u64, u64) {
        let ledger = self.ledger.lock();

        (ledger.count(), ledger.lost())
    }

    /// The open pair with the least id above `after`, or of all.
    pub(crate) fn next_open(&self, after: Option<RangeId>) -> Option<Open> {
        self.ledger.lock().next(after).cloned()
    }
}
