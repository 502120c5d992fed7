// SPDX-License-Identifier: GPL-2.0

//! A subscriber under check.

use kernel::{
    fmt,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};

use super::{
    Callback,
    Place,
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
pub(crate) struct Watch {
    kind: &'static CStr,
    serial: u64,
    /// How often it broke each rule.
    violations: [Atomic<u64>; Rule::ALL.len()],
}

impl Watch {
    /// A watch of the subscriber that is called by its `kind` and `serial` number: "counter 12". It
    /// is listed for the user until it is dropped. May sleep.
    pub(crate) fn new(kind: &'static CStr, serial: u64) -> Result<Arc<Self>> {
        Ok(Arc::new(
            Self {
                kind,
                serial,
                violations: [const { Atomic::new(0) }; Rule::ALL.len()],
            },
            GFP_KERNEL,
        )?)
    }

    /// Watches one run of a callback, until the scope is dropped, in the same task.
    pub(crate) fn enter<'a>(&'a self, callback: Callback, range: Option<&'a Range>) -> Scope<'a> {
        Scope::new(self, callback, range.map(Place::of))
    }

    /// As [`enter`](Self::enter), for a callback that is not told its range, but knows that it is
    /// the one with this `id`, which was [`started`](Self::started).
    pub(crate) fn enter_id(&self, callback: Callback, _id: RangeId) -> Scope<'_> {
        Scope::new(self, callback, None)
    }

    /// Its start of `range` has succeeded: an end is due.
    pub(crate) fn started(&self, _range: &Range) {}

    /// Its end of `range` has come. Rule `pairing` if none was due.
    pub(crate) fn ended(&self, _range: &Range) {}

    /// As [`ended`](Self::ended), where only the `id` is known.
    pub(crate) fn ended_id(&self, _id: RangeId) {}

    /// The invalidation of `range` is over for this subscriber. Rule `pairing` if an end is due.
    pub(crate) fn range_over(&self, _range: &Range) {}

    /// The subscription is over: what is open is closed, which is no violation.
    pub(crate) fn released(&self) {}

    /// How often `rule` was broken.
    pub(crate) fn violations(&self, rule: Rule) -> u64 {
        self.violations
            .get(rule as usize)
            .map_or(0, |count| count.load(Relaxed))
    }

    /// `rule` is broken by `what` was done, in `range`. Counts it, and the first time warns.
    pub(crate) fn report(&self, rule: Rule, range: Option<&Range>, what: fmt::Arguments<'_>) {
        self.report_at(rule, range.map(Place::of), what);
    }

    /// As [`report`](Self::report), of a range that may have gone.
    pub(super) fn report_at(&self, rule: Rule, place: Option<Place>, what: fmt::Arguments<'_>) {
        let Some(count) = self.violations.get(rule as usize) else {
            return;
        };
        let first = count.fetch_add(1, Relaxed) == 0;

        report::violation(&Violation {
            rule,
            who: (self.kind, self.serial),
            what,
            place,
            first,
        });
    }
}
