// SPDX-License-Identifier: GPL-2.0

//! The probes on the callbacks of drivers.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    core_mm::CoreMm,
    counts::Counts, //
};
use crate::{
    check::{
        callback::{
            judge,
            Finding,
            Returned, //
        },
        Calls,
        Followers,
        Watch, //
    },
    event::{
        platform::{
            Current,
            Word, //
        },
        Activity,
        Call,
        Callback,
        Range, //
    },
    ffi::{
        clock_ns,
        function_probe::{
            Observer,
            ProbedCall, //
        },
        parameters,
        subscriptions::*,
        trace,
        ObservedSection,
        Seen, //
    }, //
};

/// The callbacks of one table. Each has a different number.
pub(super) struct Callbacks {
    functions: KVec<Function>,
    core: Arc<CoreMm>,
    calls: Arc<Calls>,
    /// 1 while calls are observed.
    active: Word,
}

/// A callback.
pub(super) struct Function {
    /// One of `MNCK_CALLBACK_*`.
    number: u32,
    address: usize,
    callback: Callback,
    watch: Arc<Watch>,
    /// Of `watch`.
    key: u64,
    counts: Counts,
}

impl Function {
    /// Makes a callback that was not called yet. Returns `None` if no callback has that `number`. May
    /// sleep.
    pub(super) fn new(number: u32, address: usize, watch: Arc<Watch>) -> Result<Option<Self>> {
        let Some(callback) = callback_of(number) else {
            return Ok(None);
        };

        Ok(Some(Self {
            number,
            address,
            callback,
            key: watch.key(),
            watch,
            counts: Counts::new()?,
        }))
    }

    /// Returns the address of its code.
    pub(super) fn address(&self) -> usize {
        self.address
    }

    /// Returns which callback it is.
    pub(super) fn callback(&self) -> Callback {
        self.callback
    }

    /// Returns what is recorded of it, and by which key.
    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Returns how often it has refused, and how long it took.
    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }
}

fn callback_of(number: u32) -> Option<Callback> {
    Some(match number {
        MNCK_CALLBACK_START => Callback::Start,
        MNCK_CALLBACK_END => Callback::End,
        MNCK_CALLBACK_RELEASE => Callback::Release,
        MNCK_CALLBACK_INVALIDATE | MNCK_CALLBACK_INVALIDATE_START => Callback::Invalidate,
        MNCK_CALLBACK_INVALIDATE_FINISH => Callback::Finish,
        MNCK_CALLBACK_SECONDARY_TLBS => Callback::Flush,
        MNCK_CALLBACK_CLEAR_FLUSH_YOUNG | MNCK_CALLBACK_CLEAR_YOUNG | MNCK_CALLBACK_TEST_YOUNG => {
            Callback::Young
        }
        _ => return None,
    })
}

/// What is kept of a call until it returns.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    /// The number of its token.
    number: u64,
    /// How often the task had slept.
    switches: usize,
    section: ObservedSection,
    /// The clock less the time that the task had waited for a CPU, in ns.
    time: u64,
}

impl Callbacks {
    pub(super) fn new(functions: KVec<Function>, core: Arc<CoreMm>) -> Self {
        Self {
            functions,
            calls: core.calls().clone(),
            core,
            active: Word::new(0),
        }
    }

    /// Begins or stops to observe calls.
    pub(super) fn set_active(&self, active: bool) {
        self.active.store_release(active.into());
    }

    /// Returns the callbacks, in the order in which they are probed.
    pub(super) fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// Returns whether the function at `address` is among them.
    pub(super) fn has(&self, address: usize) -> bool {
        self.functions
            .iter()
            .any(|function| function.address == address)
    }

    /// Returns whether the callback with this number is among them.
    pub(super) fn has_number(&self, number: u32) -> bool {
        self.functions
            .iter()
            .any(|function| function.number == number)
    }

    /// Returns the call for `range` as a fact.
    #[inline(always)]
    fn fact(function: &Function, call: &ProbedCall, range: Option<Range>) -> Call {
        Call {
            subscriber: function.key,
            activity: Activity::Callback(function.callback),
            mm: call.mm(),
            range,
            initiator: 0,
        }
    }

    /// Returns the range that the callback is called for.
    fn range(&self, function: &Function, call: &ProbedCall) -> Option<Range> {
        // A finish has no range argument. It belongs to the range whose start runs in this task.
        call.range().or_else(|| {
            (function.callback == Callback::Finish)
                .then(|| self.core.current_range(0)?.call.range)
                .flatten()
        })
    }
}

/// How a callback has returned, as far as few calls have it.
struct Return {
    result: i64,
    has_refused: bool,
    sleeps: usize,
    seen: Seen,
    taken_ns: u64,
    sequence_missing: bool,
}

impl Callbacks {
    /// Records that a callback is called for `range`.
    #[inline(always)]
    fn begin(&self, function: &Function, call: &ProbedCall, range: Option<Range>) -> Begun {
        let current = Current::get();
        let fact = Self::fact(function, call, range);

        trace::callback_entry(function.address, range);
        let number = match self.calls.begin_inner(current, fact) {
            Some(token) => self.calls.number(token),
            None => self.begin_slowly(function, call),
        };

        Begun {
            number,
            switches: current.voluntary_switches(),
            section: if parameters::measures() || !fact.may_sleep() {
                ObservedSection::begin()
            } else {
                ObservedSection::NONE
            },
            // Last: the time of the probe is not that of the callback.
            time: clock_ns().wrapping_sub(current.run_delay()),
        }
    }

    #[cold]
    #[inline(never)]
    fn begin_without_range(&self, function: &Function, call: &ProbedCall) -> Begun {
        self.begin(function, call, self.range(function, call))
    }

    /// Records a call whose task has no slot yet, or no place there. Returns the number of its token.
    /// The fact is made again, so that other calls need not keep it in memory.
    #[cold]
    #[inline(never)]
    fn begin_slowly(&self, function: &Function, call: &ProbedCall) -> u64 {
        let fact = Self::fact(function, call, self.range(function, call));

        self.calls.number(self.calls.begin(&fact, |_| ()))
    }

    /// Counts a call for those that follow its process, and judges it.
    #[cold]
    #[inline(never)]
    fn check(&self, function: &Function, call: &ProbedCall, of: &Return) {
        let followers = self.core.followed().of(call.mm());

        if !followers.is_empty() {
            function
                .counts
                .add_followed(of.taken_ns, of.has_refused, followers);
        }
        self.judge(function, call, of, followers);
    }

    fn judge(&self, function: &Function, call: &ProbedCall, of: &Return, followers: Followers) {
        let fact = Self::fact(function, call, self.range(function, call));
        let limit = parameters::latency_limit_ms.value();
        let mut is_reported = false;
        let report = |finding: Finding| {
            let initiator = self
                .core
                .current_range(fact.address())
                .map_or(0, |range| range.call.initiator);

            function
                .watch
                .report_later(finding, &Call { initiator, ..fact }, call.pid());
        };

        if function.callback == Callback::Start && of.result != 0 {
            self.core.refusals().add(function.key, fact.address());
        }
        let returned = Returned {
            result: of.result,
            // On PREEMPT_RT nvcsw also counts waits for spin locks, so the probe on sched_switch counts.
            sleeps: if cfg!(CONFIG_PREEMPT_RT) {
                of.seen.sleeps as u64
            } else {
                of.sleeps as u64
            },
            scheduled: of.seen.scheduled,
            locked_in: of.seen.locked_in as u64,
            allocated_in: of.seen.allocated_in as u64,
            taken_ms: of.taken_ns / 1_000_000,
            has_end: call.function() == MNCK_CALLBACK_START && call.has_end(),
            // The owner of a range may ignore it, and a driver that does not read needs no sequence.
            sequence_missing: of.sequence_missing
                && !call.has_owner()
                && self.core.is_reader(call.subscription()),
            left_finish: function.callback == Callback::Invalidate && call.left_finish(),
        };
        judge(&fact, &returned, limit, |finding| {
            is_reported |= finding.took_ns().is_some();
            report(finding);
        });
        if of.taken_ns >= self.core.followed().limit_ns() && !is_reported && !followers.is_empty() {
            report(Finding::Slow(of.taken_ns));
        }
    }
}

impl Observer for Callbacks {
    const COUNTS: bool = true;

    type State = Begun;

    fn expects(&self, range: usize) -> bool {
        self.core
            .current_range(0)
            .is_some_and(|found| range == 0 || found.call.address() == range)
    }

    #[inline(always)]
    fn enter(&self, call: &ProbedCall) -> Option<Begun> {
        if self.active.load_acquire() == 0 {
            return None;
        }
        let Some(function) = self.functions.get(call.index()) else {
            // The last of the probe, MNCK_CALLBACK_FREE, is not among them.
            self.core.freed(call.subscription());
            return None;
        };

        Some(match call.range() {
            Some(range) => self.begin(function, call, Some(range)),
            None => self.begin_without_range(function, call),
        })
    }

    #[inline(always)]
    fn leave(&self, call: &ProbedCall, result: usize, begun: Begun) {
        let now = clock_ns();
        let Some(function) = self.functions.get(call.index()) else {
            return;
        };
        let current = Current::get();
        // The two clocks may differ by a little.
        let taken_ns = now
            .wrapping_sub(current.run_delay())
            .wrapping_sub(begun.time) as i64;
        let taken_ns = taken_ns.max(0) as u64;
        let sleeps = current.voluntary_switches().wrapping_sub(begun.switches);

        self.calls.finish(
            self.calls.token(begun.number, call.range_address()),
            function.key,
            false,
        );

        // The others have no result.
        let (result, has_refused) = match function.callback {
            Callback::Start => (i64::from(result as i32), result as i32 != 0),
            Callback::Invalidate => (i64::from(result as u8 != 0), result as u8 == 0),
            _ => (0, false),
        };

        trace::callback_exit(function.address, result, taken_ns);
        function.counts.add(taken_ns, has_refused);

        let sequence_missing = call.function() == MNCK_CALLBACK_INVALIDATE && !call.sequence_set();

        // What is left of most calls.
        if sleeps != 0
            || has_refused
            || sequence_missing
            || begun.section.is_some()
            || parameters::measures()
            || self.core.followed().has_followers()
        {
            let of = Return {
                result,
                has_refused,
                sleeps,
                seen: begun.section.end(),
                taken_ns,
                sequence_missing,
            };

            self.check(function, call, &of);
        }
    }
}
