// SPDX-License-Identifier: GPL-2.0

//! The calls of one task.

use super::entry::{
    Entry,
    Phase,
    Tag, //
};
use crate::event::{
    platform::{
        read_fence,
        write_fence,
        Current,
        Racy,
        Word, //
    },
    spread,
    Call,
    Task, //
};

/// A place for some calls of one task.
///
/// The task itself takes a free slot, and gives it back when the last of its calls is over. If it
/// exits before that, the sweep frees the slot.
///
/// # Invariants
///
/// While `key` is not 0, only the task with that address and `start_time` writes the slot, with two
/// exceptions: any task may free an entry whose range is open, or whose call the task will not free
/// itself, and then adds 1 to `closed`; and once the
/// task has exited the sweep, which runs once at a time, frees entries and then the slot.
#[repr(align(64))]
pub(crate) struct Slot {
    /// The address of the task, or 0 if the slot is free.
    key: Word,
    /// When the task began, or 0 while the slot is free or has just been taken.
    start_time: Word,
    /// A bit for each entry that the task has made use of and has not freed itself; and the marks of
    /// all calls since the slot was taken: see [`mark`].
    used: Word,
    /// How many entries other tasks have freed since the task last looked: as many bits of `used`
    /// are out of date.
    closed: Word,
    /// The time, in ns, that the task has spent in reports since it took the slot.
    reporting: Word,
    /// The id of the task, and its name.
    task: Racy<3>,
    entries: [Entry; Self::ENTRIES],
}

impl Slot {
    /// The number of calls that a slot has places for.
    pub(crate) const ENTRIES: usize = 7;

    const ALL_USED: u64 = (1 << Self::ENTRIES) - 1;

    /// Makes a free slot.
    pub(crate) fn new() -> Self {
        Self {
            key: Word::new(0),
            start_time: Word::new(0),
            used: Word::new(0),
            closed: Word::new(0),
            reporting: Word::new(0),
            task: Racy::new(),
            entries: core::array::from_fn(|_| Entry::new()),
        }
    }

    /// Returns whether the slot is the current task's.
    #[inline]
    pub(super) fn is_own(&self, current: Current) -> bool {
        // A task that has exited may have had the same address, but did not begin at the same time.
        self.key.load() == current.key() && self.start_time.load() == current.start_time()
    }

    /// Returns whether the slot is in no use.
    #[inline]
    pub(super) fn is_free(&self) -> bool {
        self.key.load() == 0
    }

    /// Returns whether the task has made use of all entries, and no other task has freed one.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.used.load() & Self::ALL_USED == Self::ALL_USED && self.closed.load() == 0
    }

    /// Takes the slot for the current task, if it is free.
    #[inline]
    pub(super) fn take(&self, current: Current) -> bool {
        if !self.key.replace(0, current.key()) {
            return false;
        }

        // A reader that sees what is written from here on also sees that the entries were freed.
        write_fence();
        self.task.write(pack(&current.task()));
        self.reporting.store(0);
        self.start_time.store_release(current.start_time());
        true
    }

    /// Records the first call of the task, at `now`. For the task that has just taken the slot.
    #[inline(always)]
    pub(super) fn begin_first(&self, call: &Call, now: u32) {
        let [first, ..] = &self.entries;

        first.begin(call, now);
        self.used.store(1 | mark(call));
    }

    /// Returns whether the slot may have a call for a range at the address and of the subscriber of
    /// `call`. For the task that has the slot.
    #[inline]
    pub(super) fn may_have(&self, call: &Call) -> bool {
        self.used.load() & mark(call) != 0
    }

    /// Begins the end of the range in the first entry. Returns false if another range is there, or
    /// if its start does not match. For the task that has the slot.
    #[inline(always)]
    pub(super) fn end_first(&self, call: &Call, now: u32) -> bool {
        let [first, ..] = &self.entries;

        first.is_open(call.subscriber, call.address())
            && first.has_range_of(call)
            && first.end(call.activity, now)
    }

    /// Turns the start in the entry with this `index` into an open range. For the task that has the
    /// slot.
    #[inline(always)]
    pub(super) fn open(&self, index: usize) {
        if let Some(entry) = self.entries.get(index) {
            entry.open();
        }
    }

    /// Returns an entry that is free, for a call that has this [`mark`] if it may open a range, and its
    /// index; `None` if there is none. For the task that has the slot.
    #[inline(always)]
    pub(super) fn free_entry(&self, mark: u64) -> Option<(usize, &Entry)> {
        let mut used = self.used.load();

        if used & Self::ALL_USED != 0 {
            used = self.drop_closed(used);
            // As in `take()`.
            write_fence();
        }
        let index = (!used & Self::ALL_USED).trailing_zeros() as usize;
        let entry = self.entries.get(index)?;

        self.used.store(used | 1 << index | mark);
        Some((index, entry))
    }

    /// Returns `used` without the bits of the entries that other tasks have freed.
    #[inline]
    fn drop_closed(&self, used: u64) -> u64 {
        let closed = self.closed.load_acquire();

        if closed == 0 {
            return used;
        }
        self.drop_some_closed(used, closed)
    }

    #[cold]
    fn drop_some_closed(&self, used: u64, closed: u64) -> u64 {
        let mut left = used;

        for (index, entry) in self.entries.iter().enumerate() {
            if entry.tag().phase == Phase::Free {
                left &= !(1 << index);
            }
        }
        // If more were freed meanwhile, the next call looks again.
        self.closed.replace(closed, 0);
        left
    }

    /// Frees the entry with this `index`, whose call is over, and the slot if it was the last. For
    /// the task that has the slot.
    #[inline(always)]
    pub(super) fn free(&self, index: usize) {
        if let Some(entry) = self.entries.get(index) {
            entry.free();
        }

        let mut used = self.used.load() & !(1_u64).wrapping_shl(index as u32);
        if used & Self::ALL_USED != 0 {
            used = self.drop_closed(used);
        }
        self.used.store(used);
        if used & Self::ALL_USED == 0 {
            self.give_back();
        }
    }

    /// Frees the slot, whose entries are free.
    #[inline]
    fn give_back(&self) {
        // First: the next task that takes the slot must not be held for this one.
        self.start_time.store(0);
        self.key.store_release(0);
    }

    /// Frees the slot of `task`, which has exited, if its entries are free. For the sweep.
    pub(super) fn bury(&self, task: &Task) {
        // The task may have given the slot back before it exited. Then it may be another's by now.
        let is_its = self.key.load() == task.key && self.start_time.load() == task.start_time;

        if is_its
            && self
                .entries
                .iter()
                .all(|entry| entry.tag().phase == Phase::Free)
        {
            self.used.store(0);
            self.closed.store(0);
            self.give_back();
        }
    }

    /// Frees the range of `entry` that is open with this `tag`. Returns false if that is over. For
    /// any task.
    pub(super) fn close(&self, entry: &Entry, tag: Tag) -> bool {
        let closed = entry.close(tag);

        if closed {
            // Releases: the task that sees the number sees the entry free.
            self.closed.add(1);
        }
        closed
    }

    /// Frees a call whose return is not observed any more, or a range, if it still has this `tag`. For
    /// any task.
    pub(super) fn forget(&self, entry: &Entry, tag: Tag) {
        if entry.forget(tag) {
            // As in `close()`.
            self.closed.add(1);
        }
    }

    /// Adds to the time that the task has spent in reports. For the task that has the slot.
    pub(super) fn add_reporting(&self, time: u64) {
        self.reporting
            .store(self.reporting.load().wrapping_add(time));
    }

    /// Returns the time, in ns, that the task has spent in reports. Grows as long as the task has
    /// the slot.
    pub(super) fn reporting(&self) -> u64 {
        self.reporting.load()
    }

    /// Returns the entries that may be in use, with their indices. For the task that has the slot.
    #[inline]
    pub(super) fn used(&self) -> impl Iterator<Item = (usize, &Entry)> {
        let mut used = self.used.load() & Self::ALL_USED;

        core::iter::from_fn(move || {
            let index = used.trailing_zeros() as usize;
            let entry = self.entries.get(index)?;

            // Clears the lowest bit.
            used &= used.wrapping_sub(1);
            Some((index, entry))
        })
    }

    /// Returns all entries.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the task that has the slot. Returns `None` if there is none, or if the slot passes
    /// from one task to another at the moment.
    pub(super) fn task(&self) -> Option<Task> {
        let key = self.key.load_acquire();
        let start_time = self.start_time.load_acquire();
        let task = self.task.read();

        read_fence();
        if key == 0
            || start_time == 0
            || self.start_time.load() != start_time
            || self.key.load() != key
        {
            return None;
        }
        Some(unpack(key, start_time, task))
    }
}

/// Returns the mark of the range and the subscriber of `call`: a bit that few others have, beside
/// those of the entries; 0 if it has no range.
#[inline(always)]
pub(super) fn mark(call: &Call) -> u64 {
    let sum = call.subscriber.wrapping_add(call.address() as u64);

    if call.range.is_none() {
        return 0;
    }
    // Over all bits that the entries leave.
    let bits = (u64::BITS as usize - Slot::ENTRIES) as u64;

    1 << Slot::ENTRIES << ((spread(sum) as u64).wrapping_mul(bits) >> 32)
}

#[inline]
fn pack(task: &Task) -> [u64; 3] {
    let [first, second] = task.comm;

    [task.pid as u64, first, second]
}

fn unpack(key: u64, start_time: u64, [pid, first, second]: [u64; 3]) -> Task {
    Task {
        key,
        start_time,
        pid: pid as i32,
        comm: [first, second],
    }
}
