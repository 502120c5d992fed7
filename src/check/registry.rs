// SPDX-License-Identifier: GPL-2.0

//! All subscribers under check, and what they share.

use kernel::{
    fmt,
    new_mutex,
    new_spinlock,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNode, //
    },
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex,
        SpinLock, //
    }, //
};

use super::{
    callback::Finding,
    followed::Followed,
    later::{
        Late,
        Later, //
    },
    ledger::{
        Found,
        Ledger,
        Recorded,
        Seen,
        Slot, //
    },
    violation::{
        Sink,
        Violation, //
    },
    Name,
    Rule,
    Watched, //
};
use crate::{
    event::platform::TICKS_PER_SECOND,
    ffi::{
        parameters,
        queue_sweep,
        subscriptions::Symbol,
        AllTasks,
        Global,
        Published,
        Sweeper,
        Work,
        WorkItem, //
    },
};

/// Where the registry is, from the module's init to its exit.
static REGISTRY: Global<Registry> = Global::new();

/// All checks of the module. Its drop sleeps, and comes after the drop of all watches.
pub(crate) struct Checks {
    // Dropped in this order.
    _sweeper: Sweeper,
    _reports: Work,
    _registry: Published<Registry>,
}

impl Checks {
    /// Makes the checks, of which there are one. `sink` is told of each violation. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: out of memory.
    pub(crate) fn new(sink: Sink) -> Result<Self> {
        let registry = REGISTRY.publish(Registry::new(sink)?)?;

        Ok(Self {
            _sweeper: Sweeper::new(sweep),
            _reports: Work::new(WorkItem::Report, report_late),
            _registry: registry,
        })
    }
}

/// The calls of all subscribers.
pub(crate) type Calls = Ledger<KVVec<Slot>>;

/// All subscribers under check.
#[pin_data]
pub(crate) struct Registry {
    /// Serialises the listing of subscribers, so that those of one mm share one [`Space`]. Taken
    /// before `watched`.
    #[pin]
    listing: Mutex<()>,
    /// Protects the list. Taken to change it and for each step of a reader, for no longer than that;
    /// a shared subscriber is taken off with soft interrupts disabled.
    #[pin]
    watched: SpinLock<List>,
    /// The newest key; never used twice.
    newest: Atomic<u64>,
    calls: Arc<Calls>,
    /// Serialises the sweeps, and keeps what they have found.
    #[pin]
    seen: Mutex<Seen<KVVec<u32>>>,
    sink: Sink,
    later: Later,
    /// What breaks no rule, so that it takes no place of what does.
    slow: Later,
    followed: Arc<Followed>,
}

/// The list of the subscribers, by their keys, and by mm and key.
struct List {
    by_key: RBTree<u64, Arc<Watched>>,
    by_mm: RBTree<(usize, u64), Arc<Watched>>,
}

impl List {
    fn new() -> Self {
        Self {
            by_key: RBTree::new(),
            by_mm: RBTree::new(),
        }
    }
}

impl Registry {
    fn new(sink: Sink) -> Result<Arc<Self>> {
        let number = parameters::ledger_slots.value().max(1).next_power_of_two() as usize;
        let mut slots = KVVec::with_capacity(number, GFP_KERNEL)?;
        for _ in 0..number {
            slots.push(Slot::new(), GFP_KERNEL)?;
        }
        let seen = KVVec::from_elem(0, number * Slot::ENTRIES, GFP_KERNEL)?;

        Arc::pin_init(
            try_pin_init!(Self {
                listing <- new_mutex!((), "Registry::listing"),
                watched <- new_spinlock!(List::new(), "Registry::watched"),
                newest: Atomic::new(0),
                calls: Arc::new(Ledger::new(slots), GFP_KERNEL)?,
                seen <- new_mutex!(Seen(seen), "Registry::seen"),
                sink,
                later: Later::new()?,
                slow: Later::new()?,
                followed: Arc::new(Followed::new()?, GFP_KERNEL)?,
            }? Error),
            GFP_KERNEL,
        )
    }

    /// Returns the registry, unless the module is about to go.
    pub(crate) fn get() -> Option<Arc<Self>> {
        REGISTRY.get()
    }

    /// Lists the subscriber to `mm` that `make` makes with its key. May sleep.
    pub(super) fn list(
        self: Arc<Self>,
        mm: usize,
        make: impl FnOnce(u64, Arc<Space>) -> Result<Arc<Watched>>,
    ) -> Result<Listed> {
        let key = self.newest.fetch_add(1, Relaxed).wrapping_add(1);
        let listing = self.listing.lock();
        let space = match self.next_of(mm, 0) {
            Some(other) => other.space().clone(),
            None => Arc::new(Space::new(mm), GFP_KERNEL_ACCOUNT)?,
        };
        let watched = make(key, space)?;
        let by_key = RBTreeNode::new(key, watched.clone(), GFP_KERNEL_ACCOUNT)?;
        let by_mm = RBTreeNode::new((watched.mm(), key), watched.clone(), GFP_KERNEL_ACCOUNT)?;

        {
            let mut list = self.watched.lock();

            list.by_key.insert(by_key);
            list.by_mm.insert(by_mm);
        }
        drop(listing);
        queue_sweep();
        Ok(Listed {
            registry: self,
            watched,
        })
    }

    /// Returns the subscriber that is listed next after `key`. The first comes after 0.
    pub(crate) fn next(&self, key: u64) -> Option<Arc<Watched>> {
        let list = self.watched.lock();
        let cursor = list.by_key.cursor_lower_bound(&key.wrapping_add(1))?;

        Some(cursor.current().1.clone())
    }

    /// As [`next`](Self::next), of those that are attached to `mm`.
    pub(super) fn next_of(&self, mm: usize, key: u64) -> Option<Arc<Watched>> {
        let list = self.watched.lock();
        let cursor = list.by_mm.cursor_lower_bound(&(mm, key.wrapping_add(1)))?;
        let (&(found, _), watched) = cursor.current();

        (found == mm).then(|| watched.clone())
    }

    /// Returns the subscriber with this key, if it is listed.
    pub(crate) fn find(&self, key: u64) -> Option<Arc<Watched>> {
        self.watched.lock().by_key.get(&key).cloned()
    }

    /// Returns the subscriber with this name, if it is listed.
    fn named(&self, name: &Name) -> Option<Arc<Watched>> {
        let mut last = 0;

        core::iter::from_fn(|| {
            let next = self.next(last)?;

            last = next.key();
            Some(next)
        })
        .find(|watched| watched.name() == name)
    }

    /// Returns the calls of all subscribers.
    pub(crate) fn calls(&self) -> &Arc<Calls> {
        &self.calls
    }

    /// Counts and reports a violation. Returns how long that took, in ns.
    pub(super) fn report(&self, violation: Violation<'_>) -> u64 {
        let first = violation.is_broken && violation.subscriber.count(violation.rule);

        (self.sink)(&Violation { first, ..violation })
    }

    /// Adds what was found, so that it is reported soon. Never sleeps, and takes no lock.
    pub(super) fn report_later(&self, late: &Late) {
        if late.finding.breaks_rule() {
            self.later.add(late);
        } else {
            self.slow.add(late);
        }
        Work::queue(WorkItem::Report);
    }

    /// Returns how many violations were not reported, since too many came at once.
    pub(crate) fn dropped(&self) -> u64 {
        self.later.dropped()
    }

    /// Returns how many slow callbacks were not reported, since too many came at once.
    pub(crate) fn dropped_slow(&self) -> u64 {
        self.slow.dropped()
    }

    /// Returns the processes that users follow.
    pub(crate) fn followed(&self) -> &Arc<Followed> {
        &self.followed
    }

    /// Reports what was found in calls that could not report it.
    pub(crate) fn report_late(&self) {
        for _ in 0..Later::PLACES {
            let Some(late) = self.later.take().or_else(|| self.slow.take()) else {
                return;
            };

            if let Some(subscriber) = self.find(late.by.call.subscriber) {
                self.report_one(&subscriber, &late);
            }
        }
        // The rest waits, so that a caller that does not run in the work item goes on.
        Work::queue(WorkItem::Report);
    }

    fn report_one(&self, subscriber: &Watched, late: &Late) {
        let Late {
            finding, by, pid, ..
        } = late;
        let name = by.call.activity.name();
        let report = |what: fmt::Arguments<'_>| {
            self.report(Violation {
                took_ns: finding.took_ns(),
                is_broken: finding.breaks_rule(),
                ..Violation::new(finding.rule(), subscriber, what).in_call(by, *pid)
            });
        };

        if let Finding::SequenceStuck(refuser) = finding {
            match self.find(*refuser) {
                Some(refuser) => report(fmt!("{finding} after {} refused", refuser.name())),
                None => report(fmt!("{finding} after a refusal")),
            }
        } else if let Finding::NotInserted(callback) | Finding::NotEndedBefore(callback) = finding {
            let driver = Name::Function(Symbol::of_function(*callback as usize));

            match self.named(&driver) {
                Some(driver) => {
                    self.report(
                        Violation::new(finding.rule(), &driver, fmt!("{finding}"))
                            .in_call(by, *pid),
                    );
                }
                // Its callbacks are not probed yet.
                None => report(fmt!("{driver} {finding}")),
            }
        } else if let Some(function) = finding.function() {
            let function = Symbol::of_function(function as usize);

            report(fmt!("{name} {finding} in {}", function.as_str()));
        } else {
            report(fmt!("{name} {finding}"));
        }
    }

    /// Reports that `recorded` is a start without an end. Returns how long that took, in ns.
    #[cold]
    #[inline(never)]
    pub(super) fn report_leak(&self, subscriber: &Watched, recorded: &Recorded) -> u64 {
        let what = if *subscriber.name() == Name::Core {
            "range without an end"
        } else {
            "start without an end"
        };

        self.report(
            Violation::new(Rule::Pairing, subscriber, fmt!("{what}")).in_call(recorded, None),
        )
    }

    /// Reports a callback that has not returned for long, and the tasks that wait for it.
    fn report_stall(&self, subscriber: &Watched, recorded: &Recorded) {
        let limit = stall_limit_ms();
        let name = recorded.call.activity.name();
        let waiting = self.waiters(recorded).count();
        let report = |what: fmt::Arguments<'_>| {
            self.report(Violation::new(Rule::Stall, subscriber, what).in_call(recorded, None));
        };

        match self.waiters(recorded).next() {
            None => report(fmt!("{name} has not returned for {limit} ms")),
            Some(waiter) => report(fmt!(
                "{name} has not returned for {limit} ms, {waiting} waiting, first {} in {}",
                waiter.task,
                waiter.call.activity.name()
            )),
        };
    }

    /// Returns the calls that wait for `callback`.
    pub(crate) fn waiters<'a>(
        &'a self,
        callback: &'a Recorded,
    ) -> impl Iterator<Item = Recorded> + 'a {
        let mut from = 0;

        core::iter::from_fn(move || {
            let (next, recorded) = self.calls.next(from)?;

            from = next;
            Some(recorded)
        })
        .filter(|recorded| {
            // What is called after a task has begun to wait, the task does not wait for.
            super::waits_for(&recorded.call, &callback.call)
                && callback.since.wrapping_sub(recorded.since) as i32 <= 0
        })
    }

    /// Looks at all calls. Returns whether there is anything to look at the next time.
    fn sweep(&self) -> bool {
        // Rounded up: 0 is no limit.
        let ticks = (u64::from(stall_limit_ms()) * u64::from(TICKS_PER_SECOND)).div_ceil(1000);
        let limit = u32::try_from(ticks).unwrap_or(u32::MAX);

        self.calls
            .sweep(limit, &mut self.seen.lock(), &AllTasks, |found| {
                let (Found::Leak(recorded) | Found::Stall(recorded)) = &found;
                let Some(subscriber) = self.find(recorded.call.subscriber) else {
                    return;
                };

                match &found {
                    // Once the mm was released an end may never come.
                    Found::Leak(_) if subscriber.is_released() => (),
                    Found::Leak(leak) => {
                        self.report_leak(&subscriber, leak);
                    }
                    Found::Stall(call) => self.report_stall(&subscriber, call),
                }
            });
        self.next(0).is_some()
    }
}

/// How long a callback may take to return, in ms; 0 is no limit.
fn stall_limit_ms() -> u32 {
    parameters::stall_limit_ms.value()
}

extern "C" fn report_late() {
    if let Some(registry) = Registry::get() {
        registry.report_late();
    }
}

extern "C" fn sweep() -> bool {
    Registry::get().is_some_and(|registry| registry.sweep())
}

/// A place on the list, until this is dropped. Never sleeps on drop.
pub(super) struct Listed {
    registry: Arc<Registry>,
    watched: Arc<Watched>,
}

impl Listed {
    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(super) fn watched(&self) -> &Watched {
        &self.watched
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let (mm, key) = (self.watched.mm(), self.watched.key());
        let nodes = {
            let mut list = self.registry.watched.lock();

            let nodes = (
                list.by_key.remove_node(&key),
                list.by_mm.remove_node(&(mm, key)),
            );
            if list.by_key.is_empty() {
                self.registry.calls.forget_lost();
            }
            nodes
        };

        // Here, without the lock.
        drop(nodes);
    }
}

/// What the subscribers of one mm share.
pub(crate) struct Space {
    /// The mm, by its address. Only compared.
    mm: usize,
    order: Atomic<u64>,
}

impl Space {
    fn new(mm: usize) -> Self {
        Self {
            mm,
            order: Atomic::new(0),
        }
    }

    /// Returns the address of the mm. Only to be compared.
    #[inline]
    pub(super) fn mm(&self) -> usize {
        self.mm
    }

    /// Returns the next number of the mm.
    ///
    /// If a task asks for one number after another, the later one is higher, whatever locks the task
    /// holds: all additions to one atomic happen in one order.
    #[inline]
    pub(crate) fn next_order(&self) -> u64 {
        self.order.fetch_add(1, Relaxed).wrapping_add(1)
    }
}

/// How often each rule was broken.
pub(crate) struct Counts([Atomic<u64>; Rule::ALL.len()]);

impl Counts {
    /// Makes counts that are all 0.
    pub(super) const fn new() -> Self {
        Self([const { Atomic::new(0) }; Rule::ALL.len()])
    }

    /// Adds 1 to the count of `rule`, and returns whether it was 0.
    pub(super) fn count(&self, rule: Rule) -> bool {
        self.0
            .get(rule as usize)
            .is_some_and(|count| count.fetch_add(1, Relaxed) == 0)
    }

    /// Returns how often `rule` was broken.
    pub(crate) fn get(&self, rule: Rule) -> u64 {
        self.0
            .get(rule as usize)
            .map_or(0, |count| count.load(Relaxed))
    }
}
