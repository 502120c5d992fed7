// SPDX-License-Identifier: GPL-2.0

//! The limits of waits for user space.
//!
//! A driver holds its own lock, and releases it. A user holds the lock of a model subscriber. The
//! user may never release it, or may be unable to: the exit of the user's process may wait for the
//! very callback that waits for the lock, because an exiting task gives up its mm before its files,
//! and the release of an mm waits for all callbacks. Kernel threads also run callbacks, and cannot
//! be killed.
//!
//! A user can hold the locks of any number of subscribers of one mm, and one task calls them all,
//! for each range. So each task has a limit for all of them: see [`CallbackWait`].

use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    },
    task::Task,
    time::{
        Delta,
        Instant,
        Monotonic,
        Msecs, //
    }, //
};

use crate::ffi::{
    parameters,
    Global,
    Published, //
};

/// Returns how long a callback or an ioctl waits for a user, in ms: `wait_limit_ms`.
pub(super) fn wait_limit() -> Msecs {
    parameters::wait_limit_ms.value()
}

/// As [`wait_limit`], in ns.
pub(super) fn limit_ns() -> i64 {
    Delta::from_millis(wait_limit().into()).as_nanos()
}

/// How long a task has waited in callbacks, less the time that it has done other things since.
#[derive(Clone, Copy)]
struct Waited {
    /// The address of the task. It is compared only: the task may have gone.
    task: usize,
    /// That time in ns, at the time `at`.
    then: i64,
    at: Instant<Monotonic>,
}

impl Waited {
    fn now(&self) -> i64 {
        self.then
            .saturating_sub(self.at.elapsed().as_nanos())
            .max(0)
    }
}

/// The tasks that have waited in callbacks recently.
#[pin_data]
struct Waits {
    /// Innermost. Callbacks of blockable ranges take it.
    #[pin]
    tasks: SpinLock<KVec<Waited>>,
}

/// How many tasks can wait in callbacks at once. A task more does not wait.
const TASKS: usize = 512;

static WAITS: Global<Waits> = Global::new();

/// The record of all waits in callbacks. While there is none, no callback waits for a user.
pub(crate) struct WaitRecord(#[expect(dead_code, reason = "held for its drop")] Published<Waits>);

impl WaitRecord {
    /// Makes the record. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EBUSY`]: there already is one.
    /// - [`ENOMEM`]: out of memory.
    pub(crate) fn new() -> Result<Self> {
        let none = Waited {
            task: 0,
            then: 0,
            at: Instant::now(),
        };
        let tasks = KVec::from_elem(none, TASKS, GFP_KERNEL)?;
        let waits = Arc::pin_init(
            pin_init!(Waits {
                tasks <- new_spinlock!(tasks, "Waits::tasks"),
            }),
            GFP_KERNEL,
        )?;

        Ok(Self(WAITS.publish(waits)?))
    }
}

impl Waits {
    /// Returns how long `task` has waited, and records that it begins to wait; `None` if too many
    /// tasks wait.
    fn begin(&self, task: usize) -> Option<i64> {
        let mut tasks = self.tasks.lock();
        let known = tasks.iter().position(|waited| waited.task == task);
        let index = known.or_else(|| tasks.iter().position(|waited| waited.now() == 0))?;
        let waited = tasks.get_mut(index)?;
        let before = if known.is_some() { waited.now() } else { 0 };

        // As if it waited as long as it may, so that no other task gets its place meanwhile.
        *waited = Waited {
            task,
            then: limit_ns(),
            at: Instant::now(),
        };
        Some(before)
    }

    /// Records how long `task` has waited.
    fn end(&self, task: usize, then: i64) {
        let mut tasks = self.tasks.lock();

        if let Some(waited) = tasks.iter_mut().find(|waited| waited.task == task) {
            waited.then = then;
            waited.at = Instant::now();
        }
    }
}

/// A wait of the current task for a user, in the callback of a blockable range. It ends on drop.
///
/// In all callbacks together a task waits for at most [`wait_limit`], and then only as long as it
/// has done other things since. So the callbacks for one range, which one task calls one after the
/// other, together wait no longer, however many locks are held; and a kernel thread does its work
/// at half its speed at least, however many ranges it invalidates.
pub(super) struct CallbackWait {
    task: usize,
    begin: Instant<Monotonic>,
    /// How long the task had waited before, in ns; `None` if that is not recorded.
    before: Option<i64>,
}

impl CallbackWait {
    pub(super) fn begin() -> Self {
        let task: *const Task = &**current!();
        let task = task.addr();

        Self {
            task,
            begin: Instant::now(),
            before: WAITS.get().and_then(|waits| waits.begin(task)),
        }
    }

    /// Returns how long the task may still wait, in ns.
    pub(super) fn left_ns(&self) -> i64 {
        self.before
            .map_or(0, |before| limit_ns().saturating_sub(before).max(0))
    }

    /// As [`left_ns`](Self::left_ns), in ms, rounded down.
    pub(super) fn left(&self) -> Msecs {
        let left = Delta::from_nanos(self.left_ns()).as_millis();

        left.try_into().unwrap_or(Msecs::MAX)
    }
}

impl Drop for CallbackWait {
    fn drop(&mut self) {
        let Some((before, waits)) = self.before.zip(WAITS.get()) else {
            return;
        };

        waits.end(
            self.task,
            before.saturating_add(self.begin.elapsed().as_nanos()),
        );
    }
}
