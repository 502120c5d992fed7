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

    /// Starts `range` for each member. If a member refuses, ends `range` for the members that had
    /// started before it, the last first, and refuses.
    pub(super) fn start<'c>(
        &self,
        range: &Range,
        mut context: CallbackContext<'c>,
    ) -> Result<(), WouldBlock<'c>> {
        for (position, member) in self.0.iter().enumerate() {
            let result = context.delegate(|context| member.start(range, context));

            if result.is_err() {
                self.unwind(position, range, &mut context);
                return result;
            }
        }
        Ok(())
    }

    /// Undoes the starts of `range` of the first `started` members, the last first, and tells all
    /// members that the range is over.
    fn unwind(&self, started: usize, range: &Range, context: &mut CallbackContext<'_>) {
        for member in self.0.iter().take(started).rev() {
            member.end(range, context.reborrow());
        }
        for member in &self.0 {
            member.refused(range);
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
