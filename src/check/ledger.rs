// SPDX-License-Identifier: GPL-2.0

//! Rule `pairing`: the ledger of open pairs.

use kernel::{
    prelude::*,
    sync::aref::ARef,
    task::Task,
    time::{
        Instant,
        Monotonic, //
    }, //
};

use super::RangeInfo;
use crate::mmu_notifier::RangeId;

/// A pair that is open: it has a start, and no end yet.
#[derive(Clone)]
pub(crate) struct Open {
    pub(crate) id: RangeId,
    pub(crate) range: RangeInfo,
    /// Who has begun it.
    pub(crate) task: ARef<Task>,
    pub(crate) since: Instant<Monotonic>,
}

impl Open {
    /// A pair that the current task begins.
    pub(super) fn new(id: RangeId, range: RangeInfo) -> Self {
        Self {
            id,
            range,
            task: ARef::from(&**current!()),
            since: Instant::now(),
        }
    }
}

/// How a start or an end breaks the rule.
pub(super) enum Mismatch {
    /// A start, while this pair of the same range is open: its initiator has gone, and gave it no
    /// end.
    StillOpen(Open),
    /// An end, and there is no such pair.
    NotOpen,
    /// An end, in another task than the start of this pair.
    OtherTask(Open),
    /// An end, with another range or event than this pair.
    OtherRange(Open),
}

/// The pairs of one subscriber that are open.
///
/// It never takes a pair for missing that it had no memory to note: of these it keeps the number,
/// and lets as many ends pass.
pub(super) struct Ledger {
    open: KVec<Open>,
    /// How many pairs are open that are not noted.
    unnoted: u64,
    /// How many there ever were.
    lost: u64,
    /// The subscription is over: whatever comes is not looked at any more, since the core unlinks a
    /// subscriber only after its release.
    released: bool,
}

impl Ledger {
    /// As many pairs as this need no memory: there are seldom more tasks that invalidate one address
    /// space at a time.
    pub(super) const RESERVED: usize = 16;

    /// A ledger without entries. May sleep.
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            open: KVec::with_capacity(Self::RESERVED, GFP_KERNEL)?,
            unnoted: 0,
            lost: 0,
            released: false,
        })
    }

    /// A start has succeeded. Whatever comes back is to be dropped without the ledger's lock.
    pub(super) fn start(&mut self, open: Open) -> Result<(), Mismatch> {
        if self.released {
            return Ok(());
        }

        let before = self.take(open.id);
        if self.open.push(open, GFP_NOWAIT | __GFP_NOWARN).is_err() {
            self.note_nothing();
        }
        before.map_or(Ok(()), |before| Err(Mismatch::StillOpen(before)))
    }

    /// A start has succeeded, and there is no memory to note that.
    pub(super) fn note_nothing(&mut self) {
        self.unnoted = self.unnoted.saturating_add(1);
        self.lost = self.lost.saturating_add(1);
    }

    /// An end has come, in `task`; of `range`, if that is known. Gives the pair that it has closed,
    /// to be dropped without the ledger's lock.
    pub(super) fn end(
        &mut self,
        id: RangeId,
        task: *const Task,
        range: Option<RangeInfo>,
    ) -> Result<Option<Open>, Mismatch> {
        let Some(open) = self.take(id) else {
            if self.released {
                return Ok(None);
            }
            self.unnoted = self.unnoted.checked_sub(1).ok_or(Mismatch::NotOpen)?;
            return Ok(None);
        };

        if !core::ptr::eq(&*open.task, task) {
            return Err(Mismatch::OtherTask(open));
        }
        if range.is_some_and(|range| range != open.range) {
            return Err(Mismatch::OtherRange(open));
        }
        Ok(Some(open))
    }

    /// The range is over. Gives the pair that has got no end.
    pub(super) fn over(&mut self, id: RangeId) -> Option<Open> {
        self.take(id)
    }

    /// The subscription is over. Gives the pairs that are open, to be dropped without the ledger's
    /// lock.
    pub(super) fn release(&mut self) -> KVec<Open> {
        self.released = true;
        self.unnoted = 0;
        core::mem::take(&mut self.open)
    }

    /// The pair with this `id`.
    pub(super) fn find(&self, id: RangeId) -> Option<&Open> {
        self.open.iter().find(|open| open.id == id)
    }

    /// The pair with the least id above `after`, or of all. Who asks so again and again sees each
    /// pair once that is open all that time.
    pub(super) fn next(&self, after: Option<RangeId>) -> Option<&Open> {
        self.open
            .iter()
            .filter(|open| after.is_none_or(|after| open.id > after))
            .min_by_key(|open| open.id)
    }

    /// How many pairs are open.
    pub(super) fn count(&self) -> u64 {
        self.unnoted.saturating_add(self.open.len() as u64)
    }

    /// How many pairs there ever were that it had no memory to note.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether the subscription is over.
    pub(super) fn is_released(&self) -> bool {
        self.released
    }

    fn take(&mut self, id: RangeId) -> Option<Open> {
        let index = self.open.iter().position(|open| open.id == id)?;

        // Never an error: the index was found.
        let last = self.open.pop()?;
        match self.open.get_mut(index) {
            Some(place) => Some(core::mem::replace(place, last)),
            None => Some(last),
        }
    }
}
