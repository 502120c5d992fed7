// SPDX-License-Identifier: GPL-2.0

//! The subscriptions that drivers register and end while all are observed.

use kernel::prelude::*;

use crate::{
    event::{
        platform::{
            Current,
            Racy,
            Word, //
        },
        spread,
        Queue,
        Registration, //
    },
    ffi::{
        clock_ns,
        function_probe::{
            ProbedCall,
            MNCK_CORE_GET, //
        },
        is_own,
        subscriptions::Symbol,
        Work,
        WorkItem, //
    }, //
};

/// Is told of registrations. May sleep.
pub(crate) type RegistrationSink = fn(&Registration);

/// What is known of registrations.
pub(super) struct Registrations {
    /// Those that the sink was not told of.
    queue: Queue<{ Registration::WORDS }>,
    origins: KVec<Racy<6>>,
    /// How many there were.
    number: Word,
}

/// Where a subscription comes from.
pub(crate) struct Origin {
    /// The instruction of the driver that follows its call into the core.
    pub(crate) caller: usize,
    /// How long ago that was, in ns.
    pub(crate) age_ns: u64,
}

/// The functions of the core that register a subscription and are called by others that do. The
/// outermost is the one that the driver has called.
const INNER_CALLERS: [&str; 2] = ["mmu_notifier_register", "mmu_notifier_get_locked"];

impl Registrations {
    const QUEUED: usize = 64;
    const ORIGINS: usize = 1024;

    /// Makes the memory. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: out of memory.
    pub(super) fn new() -> Result<Self> {
        let mut origins = KVec::with_capacity(Self::ORIGINS, GFP_KERNEL)?;

        for _ in 0..Self::ORIGINS {
            origins.push(Racy::new(), GFP_KERNEL)?;
        }
        Ok(Self {
            queue: Queue::new(Self::QUEUED)?,
            origins,
            number: Word::new(0),
        })
    }

    /// Returns how many subscriptions were registered.
    pub(super) fn number(&self) -> u64 {
        self.number.load()
    }

    /// Returns whether the return of a function is of interest, which a driver calls to register a
    /// subscription.
    pub(super) fn begins(&self, call: &ProbedCall) -> bool {
        // The model subscribers have their users.
        call.ops() != 0 && !is_own(call.ops())
    }

    /// Records that the function has registered `subscription`, or returned it. There were `before`
    /// subscriptions when it was called.
    pub(super) fn begun(
        &self,
        call: &ProbedCall,
        subscription: usize,
        before: u64,
        is_interval: bool,
    ) {
        // A get may return a subscription that was there before. If not, it has called a function that
        // has registered it: no other task does that for the mm meanwhile, since a get holds the
        // mmap_lock.
        if call.function() == MNCK_CORE_GET
            && self.number_of(subscription, call.mm()) <= Some(before)
        {
            return;
        }
        self.add_origin(call, subscription);
        self.add(call, true, is_interval);
    }

    /// Records that a driver calls a function that ends a subscription.
    pub(super) fn end(&self, call: &ProbedCall, is_interval: bool) {
        if call.ops() != 0 && !is_own(call.ops()) {
            self.add(call, false, is_interval);
        }
    }

    fn add(&self, call: &ProbedCall, is_begin: bool, is_interval: bool) {
        let registration = Registration {
            is_begin,
            time: clock_ns(),
            table: call.ops(),
            is_interval,
            mm: call.mm(),
            pid: call.pid().unwrap_or(0),
            caller: call.caller(),
            start: call.start(),
            end: call.end(),
            task: Current::get().task(),
        };

        self.queue.add(registration.to_words());
        Work::queue(WorkItem::Arm);
    }

    /// Tells `sink` of those that were added. Sleeps.
    pub(super) fn tell(&self, sink: RegistrationSink) {
        for _ in 0..Self::QUEUED {
            let Some(words) = self.queue.take() else {
                return;
            };
            let registration = Registration::from_words(words);

            if !(registration.is_begin && is_inner(registration.caller)) {
                sink(&registration);
            }
        }
        // The rest waits, so that modules that come and go need not.
        Work::queue(WorkItem::Arm);
    }

    /// Returns how many were dropped, since too many came at once.
    pub(super) fn dropped(&self) -> u64 {
        self.queue.dropped()
    }

    fn add_origin(&self, call: &ProbedCall, subscription: usize) {
        if let Some(origin) = self.origin_at(subscription) {
            let words = [
                subscription as u64,
                call.mm() as u64,
                call.caller() as u64,
                clock_ns(),
                self.number.add(1).wrapping_add(1),
            ];

            let [subscription, mm, caller, time, number] = words;

            origin.write([subscription, mm, caller, time, number, check(&words)]);
        }
    }

    /// Returns how many subscriptions there were, with the one at this address to `mm`, when that was
    /// registered; or `None` if that was not seen.
    fn number_of(&self, subscription: usize, mm: usize) -> Option<u64> {
        self.words_of(subscription, mm).map(|[.., number]| number)
    }

    /// Returns where the subscription at this address to `mm` comes from, if that was seen.
    pub(super) fn origin(&self, subscription: usize, mm: usize) -> Option<Origin> {
        let [_, _, caller, time, _] = self.words_of(subscription, mm)?;

        Some(Origin {
            caller: caller as usize,
            age_ns: clock_ns().saturating_sub(time),
        })
    }

    fn words_of(&self, subscription: usize, mm: usize) -> Option<[u64; 5]> {
        let [words @ .., found] = self.origin_at(subscription)?.read();
        let [subscription_there, mm_there, ..] = words;

        // Another subscription may have been registered at the same time.
        (found == check(&words)
            && (subscription_there, mm_there) == (subscription as u64, mm as u64))
            .then_some(words)
    }

    /// Subscriptions with one place share it: the last that was registered has it.
    fn origin_at(&self, subscription: usize) -> Option<&Racy<6>> {
        self.origins
            .get(spread(subscription as u64) % Self::ORIGINS)
    }
}

/// Returns a number that says that these words belong together.
fn check(words: &[u64; 5]) -> u64 {
    words
        .iter()
        .fold(1, |check, word| check.rotate_left(17) ^ word)
}

/// Returns whether a function of the core has called another of these.
fn is_inner(caller: usize) -> bool {
    let function = Symbol::of_function(caller);

    INNER_CALLERS.contains(&function.as_str())
}
