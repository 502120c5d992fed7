// SPDX-License-Identifier: GPL-2.0

//! Calling the members in order, and back if one refuses.

use core::ptr;

use kernel::{
    alloc::AllocError,
    mm::Mm,
    prelude::*,
    sync::Arc, //
};

use super::member::Member;
use crate::mmu_notifier::{
    CallbackContext,
    Range,
    WouldBlock, //
};

/// Who is ended when a member refuses a range.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Exactly those that had started before it, the last first.
    Exact,

    /// Nobody, as from 2018 to 2021: who counts its starts and ends then has a start too many, for
    /// ever. For demonstration.
    Skip,

    /// Everybody, and everybody is started before, as in an RFC of 2019: who has refused must
    /// tolerate an end, see [`end_without_start`](super::Subscriber::end_without_start). (The core
    /// has done so since 2021, and forbids an end to who may refuse.) For demonstration.
    All,
}

/// The members at one time, in the order in which they have joined. Never changed: who joins or
/// leaves puts another list in its place.
pub(super) struct Members(KVec<Arc<dyn Member>>);

impl Members {
    /// No member.
    pub(super) const fn none() -> Self {
        Self(KVec::new())
    }

    /// These and `member`. May sleep.
    pub(super) fn with(&self, member: Arc<dyn Member>) -> Result<Self, AllocError> {
        let mut members = self.copy(1)?;

        members.push(member, GFP_KERNEL)?;
        Ok(Self(members))
    }

    /// These without `member`. May sleep.
    pub(super) fn without(&self, member: &Arc<dyn Member>) -> Result<Self, AllocError> {
        let mut members = self.copy(0)?;

        // Not `Arc::ptr_eq()`, which compares the tables of the trait as well.
        members.retain(|other| !ptr::addr_eq(Arc::as_ptr(other), Arc::as_ptr(member)));
        Ok(Self(members))
    }

    fn copy(&self, more: usize) -> Result<KVec<Arc<dyn Member>>, AllocError> {
        let mut members = KVec::with_capacity(self.0.len().saturating_add(more), GFP_KERNEL)?;

        for member in &self.0 {
            members.push(member.clone(), GFP_KERNEL)?;
        }
        Ok(members)
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Starts `range` for each; or, if one refuses, ends it for those whom `policy` says, and
    /// refuses.
    pub(super) fn start<'c>(
        &self,
        policy: Policy,
        range: &Range,
        mut context: CallbackContext<'c>,
    ) -> Result<(), WouldBlock<'c>> {
        let mut refused = Ok(());

        for (position, member) in self.0.iter().enumerate() {
            let result = context.delegate(|context| member.start(range, context));

            if result.is_err() {
                refused = result;
                if policy != Policy::All {
                    self.unwind(policy, position, range, &mut context);
                    break;
                }
            }
        }
        if refused.is_err() && policy == Policy::All {
            self.unwind(policy, self.0.len(), range, &mut context);
        }
        if refused.is_err() {
            for member in &self.0 {
                member.over(range);
            }
        }
        refused
    }

    /// Undoes the start of `range` for the first `started`, the last first.
    fn unwind(
        &self,
        policy: Policy,
        started: usize,
        range: &Range,
        context: &mut CallbackContext<'_>,
    ) {
        for member in self.0.iter().take(started).rev() {
            match policy {
                Policy::Exact => member.end(range, context.reborrow()),
                Policy::Skip => member.forget(range),
                Policy::All => member.end_in_any_case(range, context.reborrow()),
            }
        }
    }

    /// Ends `range` for all that have started it, the last first.
    pub(super) fn end(&self, range: &Range, mut context: CallbackContext<'_>) {
        for member in self.0.iter().rev() {
            member.end(range, context.reborrow());
        }
    }

    /// Releases them all, the last first.
    pub(super) fn close(&self, mm: &Mm) {
        for member in self.0.iter().rev() {
            member.close(mm);
        }
    }
}
