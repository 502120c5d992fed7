// SPDX-License-Identifier: GPL-2.0

//! One call of the ledger.

use crate::event::{
    platform::{
        entry,
        read_fence,
        Racy,
        Word, //
    },
    Activity,
    Call, //
};

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The entry is not in use.
    Free,
    /// The callback runs, or the function waits.
    Running,
    /// The callback was a start that did not fail. Its end is due.
    Open,
    /// The end that was due runs.
    Ending,
}

/// The tag of an entry: its phase, and what changes together with it.
///
/// `generation` changes each time that the entry becomes free. A reader that finds the same tag
/// before and after it has read the data has read the data of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) phase: Phase,
    pub(super) activity: u8,
    pub(super) generation: u16,
    /// The clock, in ticks, when the callback was called, or when the range was opened.
    pub(super) since: u32,
}

impl Tag {
    #[inline(always)]
    pub(super) const fn to_word(self) -> u64 {
        self.phase as u64
            | (self.activity as u64) << 8
            | (self.generation as u64) << 16
            | (self.since as u64) << 32
    }

    #[inline(always)]
    pub(super) const fn from_word(word: u64) -> Self {
        Self {
            phase: match word & 0xff {
                1 => Phase::Running,
                2 => Phase::Open,
                3 => Phase::Ending,
                _ => Phase::Free,
            },
            activity: (word >> 8) as u8,
            generation: (word >> 16) as u16,
            since: (word >> 32) as u32,
        }
    }

    /// Returns the tag of the entry after it was freed.
    #[inline(always)]
    const fn freed(self) -> Self {
        Self {
            phase: Phase::Free,
            generation: self.generation.wrapping_add(1),
            ..self
        }
    }
}

/// A place for one call.
///
/// The task that has the slot is the only one that makes an entry out of use, and that changes it
/// while a callback runs. Any task may free an entry whose range is open.
pub(super) struct Entry {
    tag: Word,
    /// The subscriber, address, mm, start, end, kind and mode, and initiator.
    data: Racy<7>,
}

const SUBSCRIBER: usize = 0;
const ADDRESS: usize = 1;
const MM: usize = 2;
const START: usize = 3;
const END: usize = 4;
const KIND: usize = 5;

/// The bits of the word with the kind that are not those of the range have how the task had entered the
/// kernel, if the range is open.
const RANGE_BITS: u64 = Call::RANGE_BITS;

impl Entry {
    pub(super) fn new() -> Self {
        Self {
            tag: Word::new(0),
            data: Racy::new(),
        }
    }

    #[inline(always)]
    pub(super) fn tag(&self) -> Tag {
        Tag::from_word(self.tag.load())
    }

    /// Records a call whose callback begins at `now`. The entry is free, the caller's slot is its
    /// own, and a write fence came before.
    #[inline(always)]
    pub(super) fn begin(&self, call: &Call, now: u32) {
        let tag = self.tag();

        self.data.write(call.to_words());
        self.tag.store_release(
            Tag {
                phase: Phase::Running,
                activity: call.activity.code(),
                since: now,
                ..tag
            }
            .to_word(),
        );
    }

    /// Returns whether this is the open range at `address`, of `subscriber`.
    #[inline(always)]
    pub(super) fn is_open(&self, subscriber: u64, address: usize) -> bool {
        self.tag().phase == Phase::Open
            && self.data.get(ADDRESS) == address as u64
            && self.data.get(SUBSCRIBER) == subscriber
    }

    /// Turns an open range into one whose end runs. Returns false if the range was closed meanwhile.
    #[inline(always)]
    pub(super) fn end(&self, activity: Activity, now: u32) -> bool {
        let tag = self.tag();
        let ending = Tag {
            phase: Phase::Ending,
            activity: activity.code(),
            since: now,
            ..tag
        };

        tag.phase == Phase::Open && self.tag.replace(tag.to_word(), ending.to_word())
    }

    /// Turns a running start into an open range. For the task that has the slot.
    #[inline(always)]
    pub(super) fn open(&self) {
        let tag = self.tag();
        let kind = self.data.get(KIND) & RANGE_BITS;

        self.data
            .set(KIND, kind | u64::from(entry()) << RANGE_BITS.count_ones());

        self.tag.store_release(
            Tag {
                phase: Phase::Open,
                ..tag
            }
            .to_word(),
        );
    }

    /// Frees a call that is over. For the task that has the slot, and for a slot whose task has
    /// exited.
    #[inline(always)]
    pub(super) fn free(&self) {
        self.tag.store_release(self.tag().freed().to_word());
    }

    /// Frees a range that is open with this `tag`. Returns false if that is over. For any task.
    pub(super) fn close(&self, tag: Tag) -> bool {
        tag.phase == Phase::Open && self.tag.replace(tag.to_word(), tag.freed().to_word())
    }

    /// Frees an entry that still has this `tag`. Returns false if that is over. For any task, if the
    /// task that has the slot will not free it.
    pub(super) fn forget(&self, tag: Tag) -> bool {
        tag.phase != Phase::Free && self.tag.replace(tag.to_word(), tag.freed().to_word())
    }

    /// Calls `read_more`, and returns its result with the tag and the call, if all belong together.
    /// Returns `None` if the entry is free or was changed meanwhile.
    pub(super) fn read<R>(&self, read_more: impl FnOnce() -> R) -> Option<(Tag, Call, R)> {
        let word = self.tag.load_acquire();
        let tag = Tag::from_word(word);

        if tag.phase == Phase::Free {
            return None;
        }
        let data = self.data.read();
        let more = read_more();

        read_fence();
        if self.tag.load() != word {
            return None;
        }
        Some((
            tag,
            Call::from_words(data, Activity::from_code(tag.activity)?),
            more,
        ))
    }

    /// Returns whether the range, for the task that has the slot, is that of `call`.
    #[inline(always)]
    pub(super) fn has_range_of(&self, call: &Call) -> bool {
        let [_, _, mm, start, end, kind, _] = call.to_words();

        (mm, start, end, kind)
            == (
                self.data.get(MM),
                self.data.get(START),
                self.data.get(END),
                self.data.get(KIND) & RANGE_BITS,
            )
    }

    /// Returns how the task had entered the kernel when it opened the range. What it returns may be
    /// of another call, unless the caller finds the same tag afterwards.
    pub(super) fn entered(&self) -> u32 {
        (self.data.get(KIND) >> RANGE_BITS.count_ones()) as u32
    }

    /// Returns the call, for the task that has the slot.
    pub(super) fn own_call(&self) -> Option<Call> {
        Some(Call::from_words(
            self.data.read(),
            Activity::from_code(self.tag().activity)?,
        ))
    }
}
