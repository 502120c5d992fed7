// SPDX-License-Identifier: GPL-2.0

//! The probes on the callbacks of drivers.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    core_mm::{
        fact,
        CoreMm, //
    },
    counts::Counts, //
};
use crate::{
    check::{
        callback::{
            judge,
            Finding,
            Returned, //
        },
        Followers,
        Watch, //
    },
    event::{
        platform::Word,
        Activity,
        Call,
        Callback, //
    },
    ffi::{
        clock_ns,
        current_run_delay,
        current_voluntary_switches,
        function_probe::{
            Observer,
            ProbedCall,
            State, //
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

    /// Returns how often it has returned, and how long that took.
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

// The words of the state of a call.
const TOKEN: usize = 0;
const SWITCHES: usize = 1;
const TIME: usize = 2;
const RUN_DELAY: usize = 3;
const ADDRESS: usize = 4;
const SECTION: usize = 5;

/// The number of no section.
const NO_SECTION: u64 = u64::MAX;

impl Callbacks {
    pub(super) fn new(functions: KVec<Function>, core: Arc<CoreMm>) -> Self {
        Self {
            functions,
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
        self.function(number).is_some()
    }

    fn function(&self, number: u32) -> Option<&Function> {
        self.functions
            .iter()
            .find(|function| function.number == number)
    }

    /// Returns the call as a fact.
    fn call(&self, function: &Function, call: &ProbedCall) -> Call {
        // A finish has no range argument. It belongs to the range whose start runs in this task.
        let range = fact(call).or_else(|| {
            (function.callback == Callback::Finish)
                .then(|| self.core.current_range(0)?.call.range)
                .flatten()
        });

        Call {
            subscriber: function.watch.key(),
            activity: Activity::Callback(function.callback),
            mm: call.mm,
            range,
            initiator: 0,
        }
    }
}

impl Callbacks {
    /// Judges a call that has taken so long, in ns, and in which something may be wrong.
    #[cold]
    fn check(
        &self,
        function: &Function,
        call: &ProbedCall,
        mut returned: Returned,
        taken: u64,
        followers: Followers,
    ) {
        let fact = self.call(function, call);
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

        if function.callback == Callback::Start && returned.result != 0 {
            self.core
                .refusals()
                .add(function.watch.key(), fact.address());
        }
        // The owner of a range may ignore it, and a driver that does not read needs no sequence.
        returned.sequence_missing &= !call.has_owner && self.core.is_reader(call.subscription);
        judge(&fact, &returned, limit, |finding| {
            is_reported |= finding.took_ns().is_some();
            report(finding);
        });
        if taken >= self.core.followed().limit_ns() && !is_reported && !followers.is_empty() {
            report(Finding::Slow(taken));
        }
    }
}

impl Observer for Callbacks {
    fn expects(&self, range: usize) -> bool {
        self.core
            .current_range(0)
            .is_some_and(|found| range == 0 || found.call.address() == range)
    }

    fn enter(&self, call: &ProbedCall, state: &mut State) -> bool {
        if self.active.load_acquire() == 0 {
            return false;
        }
        if call.function == MNCK_CALLBACK_FREE {
            self.core.freed(call.subscription);
            return false;
        }
        let Some(function) = self.function(call.function) else {
            return false;
        };

        let fact = self.call(function, call);
        let calls = function.watch.calls();

        trace::callback_entry(function.address, fact.range);
        let token = calls.begin(&fact, |_| ());

        state[TOKEN] = calls.number(token);
        state[ADDRESS] = fact.address() as u64;
        state[SWITCHES] = current_voluntary_switches() as u64;
        state[RUN_DELAY] = current_run_delay();
        state[SECTION] = if parameters::measures() || !fact.may_sleep() {
            ObservedSection::begin().0
        } else {
            NO_SECTION
        };
        // Last: the time of the probe is not that of the callback.
        state[TIME] = clock_ns();
        true
    }

    fn leave(&self, call: &ProbedCall, state: &State) {
        let Some(function) = self.function(call.function) else {
            return;
        };
        let taken = clock_ns()
            .wrapping_sub(state[TIME])
            .saturating_sub(current_run_delay().wrapping_sub(state[RUN_DELAY]));
        let sleeps = (current_voluntary_switches() as u64).wrapping_sub(state[SWITCHES]);
        let seen = if state[SECTION] == NO_SECTION {
            Seen::NOTHING
        } else {
            ObservedSection(state[SECTION]).end()
        };
        let calls = function.watch.calls();

        calls.finish(
            calls.token(state[TOKEN], state[ADDRESS] as usize),
            function.watch.key(),
            false,
        );

        // The others have no result.
        let (result, has_refused) = match function.callback {
            Callback::Start => (call.result as i64, call.result != 0),
            Callback::Invalidate => (call.result as i64, call.result == 0),
            _ => (0, false),
        };
        let followers = self.core.followed().of(call.mm);

        trace::callback_exit(function.address, result, taken);
        function.counts.add(taken, has_refused, followers);

        let taken_ms = taken / 1_000_000;
        let limit_ms = parameters::latency_limit_ms.value();
        let is_slow = taken >= self.core.followed().limit_ns()
            || (limit_ms != 0 && taken_ms > u64::from(limit_ms));
        let sequence_missing = call.function == MNCK_CALLBACK_INVALIDATE && !call.sequence_set;

        // What is left of most calls.
        if sleeps == 0 && seen.is_nothing() && !has_refused && !is_slow && !sequence_missing {
            return;
        }
        let returned = Returned {
            result,
            // On PREEMPT_RT nvcsw also counts waits for spin locks, so the probe on sched_switch counts.
            sleeps: if cfg!(CONFIG_PREEMPT_RT) {
                seen.sleeps as u64
            } else {
                sleeps
            },
            scheduled: seen.scheduled,
            locked_in: seen.locked_in as u64,
            allocated_in: seen.allocated_in as u64,
            taken_ms,
            has_end: call.has_end,
            sequence_missing,
            left_finish: call.left_finish,
        };

        self.check(function, &call.with_range(), returned, taken, followers);
    }
}
