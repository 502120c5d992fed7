// SPDX-License-Identifier: GPL-2.0

//! A place where calls wait for a user, with or without a lock that invalidations need.

use kernel::{
    new_spinlock,
    prelude::*,
    sync::SpinLock,
    time::{
        Delta,
        Instant,
        Monotonic,
        Msecs, //
    }, //
};

use super::wait_limit::{
    limit_ns,
    CallbackWait, //
};
use crate::ffi::Semaphore;

/// The gate: calls wait at it until a user lets them go.
#[pin_data]
pub(super) struct Gate {
    /// Wakes calls that wait, one for each [`Semaphore::up`]: they look at the state. A call may be
    /// woken without a reason.
    #[pin]
    bell: Semaphore,
    /// Innermost. Callbacks of blockable ranges take it.
    #[pin]
    state: SpinLock<State>,
}

struct State {
    /// How many calls may still go on.
    let_go: u32,
    /// How many calls wait.
    waiting: u32,
    /// How many of these do not have the lock. They go on first.
    without_lock: u32,
    /// How many invalidations need the lock that a waiting call may have.
    pressing: u32,
    /// How long the least patient of these will wait, in ns from the time `since`.
    patience: i64,
    since: Instant<Monotonic>,
}

impl State {
    fn patience_left(&self) -> i64 {
        self.patience
            .saturating_sub(self.since.elapsed().as_nanos())
    }
}

impl Gate {
    /// Makes a gate that no call may pass.
    pub(super) fn new() -> impl PinInit<Self> {
        let state = State {
            let_go: 0,
            waiting: 0,
            without_lock: 0,
            pressing: 0,
            patience: 0,
            since: Instant::now(),
        };

        pin_init!(Self {
            bell <- Semaphore::new_taken(),
            state <- new_spinlock!(state, "Gate::state"),
        })
    }

    /// Waits until a user lets one call go. Sleeps. `has_lock` says whether the caller has the lock
    /// that invalidations need.
    ///
    /// # Errors
    ///
    /// - [`EINTR`]: the caller was killed.
    /// - [`ETIMEDOUT`]: [`wait_limit`](super::wait_limit::wait_limit) has passed, or an invalidation
    ///   has waited for the lock as long as its task may.
    pub(super) fn wait(&self, has_lock: bool) -> Result {
        self.count_waiting(has_lock, 1);
        let result = self.wait_counted(has_lock);
        if self.count_waiting(has_lock, -1) != 0 {
            // For a call with the lock, which was behind this one.
            self.bell.up();
        }
        result
    }

    /// Returns how many calls may still go on.
    fn count_waiting(&self, has_lock: bool, more: i32) -> u32 {
        let mut state = self.state.lock();

        state.waiting = state.waiting.saturating_add_signed(more);
        if !has_lock {
            state.without_lock = state.without_lock.saturating_add_signed(more);
        }
        state.let_go
    }

    fn wait_counted(&self, has_lock: bool) -> Result {
        let begin = Instant::<Monotonic>::now();

        loop {
            let mut left = limit_ns().saturating_sub(begin.elapsed().as_nanos());
            let mut state = self.state.lock();

            let is_first = !has_lock || state.without_lock == 0;
            if let Some(rest) = state.let_go.checked_sub(1).filter(|_| is_first) {
                state.let_go = rest;
                return Ok(());
            }
            if has_lock && state.pressing != 0 {
                left = left.min(state.patience_left());
            }
            drop(state);

            if left <= 0 {
                return Err(ETIMEDOUT);
            }
            let nap = Delta::from_nanos(left).as_millis_ceil();
            match self.bell.down_limited(nap.try_into().unwrap_or(Msecs::MAX)) {
                Ok(guard) => guard.keep(),
                Err(ETIMEDOUT) => (),
                Err(error) => return Err(error),
            }
        }
    }

    /// Lets one call go that waits, one without the lock if there is one; or the next call to come.
    /// Never sleeps.
    pub(super) fn let_go(&self) {
        let mut state = self.state.lock();

        state.let_go = state.let_go.saturating_add(1);
        let waiting = state.waiting;
        drop(state);
        for _ in 0..waiting {
            self.bell.up();
        }
    }

    /// Says that the current task, in a callback of a blockable range, needs the lock, until the
    /// return value is dropped. Meanwhile no call waits with the lock for longer than the task may
    /// wait.
    pub(super) fn press(&self) -> Press<'_> {
        let wait = CallbackWait::begin();
        let patience = wait.left_ns();
        let mut state = self.state.lock();

        if state.pressing == 0 || patience < state.patience_left() {
            state.patience = patience;
            state.since = Instant::now();
        }
        state.pressing = state.pressing.saturating_add(1);
        let waiting = state.waiting;
        drop(state);
        for _ in 0..waiting {
            self.bell.up();
        }
        Press {
            gate: self,
            _wait: wait,
        }
    }
}

/// A task that needs the lock: see [`Gate::press`].
pub(super) struct Press<'a> {
    gate: &'a Gate,
    _wait: CallbackWait,
}

impl Drop for Press<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state.lock();

        state.pressing = state.pressing.saturating_sub(1);
    }
}
