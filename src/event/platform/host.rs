// SPDX-License-Identifier: GPL-2.0

//! The platform of the host crate.

#[cfg(not(loom))]
use std::{
    cell::Cell,
    sync::atomic::{
        fence,
        AtomicU64,
        Ordering, //
    },
    thread_local, //
};

#[cfg(loom)]
use loom::{
    sync::atomic::{
        fence,
        AtomicU64,
        Ordering, //
    },
    thread_local,
};
#[cfg(loom)]
use std::cell::Cell;

pub(crate) use std::fmt;

use crate::event::Task;

/// Ticks per second.
pub(crate) const TICKS_PER_SECOND: u32 = 100;

#[cfg(loom)]
loom::lazy_static! {
    static ref STEP: AtomicU64 = AtomicU64::new(0);
}

/// Makes loom try all other threads here: called before each load.
///
/// Loom compares what a thread is about to do with the last access to the same atomic. If that was a
/// load by the same thread, loom overlooks that a store after it conflicts with an earlier access by
/// another thread. The stores to this one atomic always conflict. They order nothing, since no
/// thread reads the atomic.
#[cfg(loom)]
fn step() {
    STEP.store(0, Ordering::Relaxed);
}

#[cfg(not(loom))]
fn step() {}

/// A word for synchronisation.
#[derive(Debug)]
pub(crate) struct Word(AtomicU64);

impl Word {
    pub(crate) fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    pub(crate) fn load(&self) -> u64 {
        step();
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn load_acquire(&self) -> u64 {
        step();
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn store(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn store_release(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }

    pub(crate) fn replace(&self, old: u64, new: u64) -> bool {
        self.0
            .compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    pub(crate) fn add(&self, value: u64) -> u64 {
        self.0.fetch_add(value, Ordering::Release)
    }
}

/// Data that other threads may read while it is written.
#[cfg(not(loom))]
#[derive(Debug)]
pub(crate) struct Racy<const N: usize>([AtomicU64; N]);

#[cfg(not(loom))]
impl<const N: usize> Racy<N> {
    pub(crate) fn new() -> Self {
        Self(core::array::from_fn(|_| AtomicU64::new(0)))
    }

    pub(crate) fn read(&self) -> [u64; N] {
        core::array::from_fn(|index| self.get(index))
    }

    pub(crate) fn get(&self, index: usize) -> u64 {
        self.0[index].load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, index: usize, data: u64) {
        self.0[index].store(data, Ordering::Relaxed);
    }

    pub(crate) fn write(&self, data: [u64; N]) {
        for (word, data) in self.0.iter().zip(data) {
            word.store(data, Ordering::Relaxed);
        }
    }
}

/// Data that other threads may read while it is written.
///
/// For loom it has only two atomics, or there would be too many orders to try. Each says which
/// write a half of the words comes from. A reader may see any two writes, so a mix is seen as well
/// as with an atomic for each word.
#[cfg(loom)]
#[derive(Debug)]
pub(crate) struct Racy<const N: usize> {
    halves: [AtomicU64; 2],
    writes: std::sync::Mutex<Vec<[u64; N]>>,
}

#[cfg(loom)]
impl<const N: usize> Racy<N> {
    pub(crate) fn new() -> Self {
        Self {
            halves: [AtomicU64::new(0), AtomicU64::new(0)],
            writes: std::sync::Mutex::new(vec![[0; N]]),
        }
    }

    pub(crate) fn read(&self) -> [u64; N] {
        let [first, second] = [self.half(0), self.half(1)];

        core::array::from_fn(|index| {
            if index < N / 2 {
                first[index]
            } else {
                second[index]
            }
        })
    }

    pub(crate) fn get(&self, index: usize) -> u64 {
        self.half(usize::from(index >= N / 2))[index]
    }

    pub(crate) fn write(&self, data: [u64; N]) {
        self.write_halves(data, &self.halves);
    }

    pub(crate) fn set(&self, index: usize, data: u64) {
        let half = usize::from(index >= N / 2);
        let mut words = self.half(half);

        words[index] = data;
        self.write_halves(words, &self.halves[half..=half]);
    }

    fn write_halves(&self, data: [u64; N], halves: &[AtomicU64]) {
        let number = {
            let mut writes = self.writes.lock().unwrap();

            writes.push(data);
            writes.len() - 1
        };
        for half in halves {
            half.store(number as u64, Ordering::Relaxed);
        }
    }

    fn half(&self, half: usize) -> [u64; N] {
        step();
        let number = self.halves[half].load(Ordering::Relaxed);

        self.writes.lock().unwrap()[number as usize]
    }
}

pub(crate) fn write_fence() {
    fence(Ordering::Release);
}

pub(crate) fn read_fence() {
    fence(Ordering::Acquire);
}

/// Does nothing: a test sweeps when it wants to.
pub(crate) fn sweep_soon() {}

thread_local! {
    static CURRENT: Cell<Option<Task>> = Cell::new(None);
    static TICKS: Cell<u32> = Cell::new(0);
    static ENTRY: Cell<u32> = Cell::new(0);
}

/// Makes the calling thread play `task`.
pub(crate) fn set_current(task: Task) {
    CURRENT.with(|current| current.set(Some(task)));
}

/// Sets how the current task has entered the kernel.
pub(crate) fn set_entry(entry: u32) {
    ENTRY.with(|current| current.set(entry));
}

pub(crate) fn entry() -> u32 {
    ENTRY.with(Cell::get)
}

/// Sets the clock of the calling thread.
pub(crate) fn set_ticks(ticks: u32) {
    TICKS.with(|clock| clock.set(ticks));
}

pub(crate) fn ticks() -> u32 {
    TICKS.with(Cell::get)
}

/// The task that the calling thread plays.
#[derive(Clone, Copy)]
pub(crate) struct Current(Task);

impl Current {
    pub(crate) fn get() -> Self {
        Self(
            CURRENT
                .with(Cell::get)
                .expect("set_current() was not called"),
        )
    }

    pub(crate) fn key(self) -> u64 {
        self.0.key
    }

    pub(crate) fn start_time(self) -> u64 {
        self.0.start_time
    }

    pub(crate) fn task(self) -> Task {
        self.0
    }
}
