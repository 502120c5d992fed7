// SPDX-License-Identifier: GPL-2.0

//! Calls the members in order, and undoes their starts if one refuses.

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

/// Which members are ended when a member refuses a range.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Ends exactly the members that had started before it, the last first.
    Exact,

    /// Ends no member, as Linux did from 2018 to 2021: a subscriber that counts starts and ends
    /// then has a start too many for ever. For demonstration.
    Skip,

    /// Starts all members and then ends all, as in an RFC of 2019: a member that has refused must
    /// tolerate an end, see [`end_without_start`](super::Subscriber::end_without_start). (The core
    /// has started and ended all subscribers since 2021, but it forbids an end to subscribers that
    /// may refuse.) For demonstration.
    All,
}

/// The members at one time, in the order in which they have joined. A list is never changed: when a
/// member joins or leaves, another list replaces it.
pub(super) struct Members(KVec<Arc<dyn Member>>);

impl Members {
    /// Returns a list without members.
    pub(super) const fn none() -> Self {
        Self(KVec::new())
    }

    /// Returns a list of these members and `member`. May sleep.
    pub(super) fn with(&self, member: Arc<dyn Member>) -> Result<Self, AllocError> {
        let mut members = self.copy(1)?;

        members.push(member, GFP_KERNEL)?;
        Ok(Self(members))
    }

    /// Returns a list of these members without `member`. May sleep.
    pub(super) fn without(&self, member: &Arc<dyn Member>) -> Result<Self, AllocError> {
        let mut members = self.copy(0)?;

        // Not `Arc::ptr_eq()`, which also compares the vtables.
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

    /// Returns the number of members.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Starts `range` for each member. If a member refuses, ends `range` for the members that
    /// `policy` prescribes, and refuses.
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
                member.refused(range);
            }
        }
        refused
    }

    /// Undoes the starts of `range` of the first `started` members, the last first.
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

    /// Ends `range` for all members that have started it, the last first.
    pub(super) fn end(&self, range: &Range, mut context: CallbackContext<'_>) {
        for member in self.0.iter().rev() {
            member.end(range, context.reborrow());
        }
    }

    /// Releases all members, the last first.
    pub(super) fn close(&self, mm: &Mm) {
        for member in self.0.iter().rev() {
            member.close(mm);
        }
    }
}
