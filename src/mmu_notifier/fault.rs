// SPDX-License-Identifier: GPL-2.0

//! Faulting pages in, for a shadow of the page table.
//!
//! C header: [`include/linux/hmm.h`](srctree/include/linux/hmm.h)

use core::ops::Range;

use kernel::{
    error::to_result,
    mm::MmWithUser,
    page::PAGE_SIZE,
    prelude::*, //
};

use super::{
    interval::Shadow,
    IntervalSubscriber,
    ReadSection,
    Retry,
    TaskContext,
    Valid, //
};
use crate::ffi;

/// What the page table has for one page: an entry of `hmm_pfns`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct PageEntry(usize);

impl PageEntry {
    /// The page's frame number, if there is a page.
    pub fn pfn(self) -> Option<usize> {
        // SAFETY: Computes.
        let pfn = unsafe { ffi::mnck_helper_hmm_pfn(self.0) };

        usize::try_from(pfn).ok()
    }

    /// Whether the page may be written.
    pub fn is_writable(self) -> bool {
        // SAFETY: Computes.
        unsafe { ffi::mnck_helper_hmm_pfn_is_writable(self.0) }
    }
}

/// Room for what the page table has for a number of pages.
///
/// It can't be looked into: what is there may be stale. [`ValidPages`] shows it when it is not.
pub struct PageBuffer(KVec<PageEntry>);

impl PageBuffer {
    /// Room for `pages` pages. May sleep.
    pub fn new(pages: usize) -> Result<Self> {
        Ok(Self(KVec::from_elem(
            PageEntry::default(),
            pages,
            GFP_KERNEL_ACCOUNT,
        )?))
    }
}

impl<'s, T: IntervalSubscriber> ReadSection<'s, T> {
    /// Faults in all pages of `range`, for writing if `write`, and notes in `buffer` what the page
    /// table then has for each. `hmm_range_fault()`, under the mmap lock. Sleeps.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: `range` is empty, not page-aligned, or not within the range that is subscribed
    ///   to; `buffer` has not as many places as `range` has pages; or `user` uses another mm than
    ///   that of the subscription.
    /// - [`EINTR`]: the task was killed while it waited for the mmap lock.
    /// - [`EBUSY`]: the section is stale; begin again.
    /// - [`EFAULT`]: no page can be there: no mapping, or a bus error.
    /// - [`EPERM`]: the mapping does not allow it.
    /// - [`ENOMEM`]: out of memory.
    pub fn fault_in<'e>(
        self,
        user: &MmWithUser,
        range: Range<usize>,
        write: bool,
        buffer: &'e mut PageBuffer,
        _task: &mut TaskContext,
    ) -> Result<Faulted<'s, 'e, T>> {
        let aligned = (range.start | range.end) % PAGE_SIZE == 0;
        let entries = buffer.0.as_mut_slice();

        if range.is_empty() || !aligned || range.len() / PAGE_SIZE != entries.len() {
            return Err(EINVAL);
        }

        let (subscription, sequence) = self.as_raw();
        // SAFETY: The subscription is registered. The core has noted its mm and its range then, and
        // changes neither.
        let (mm, first, last) = unsafe {
            (
                (*subscription).mm,
                (*subscription).interval_tree.start,
                (*subscription).interval_tree.last,
            )
        };
        // Of what is not subscribed to nobody would tell that it has become stale.
        if mm != user.as_raw() || range.start < first || range.end - 1 > last {
            return Err(EINVAL);
        }
        // SAFETY: The mm has a user, `entries` has room for all pages of the range, and an entry
        // is what is written there.
        to_result(unsafe {
            ffi::mnck_helper_hmm_range_fault(
                subscription,
                sequence,
                range.start,
                range.end,
                write,
                entries.as_mut_ptr().cast(),
            )
        })?;
        Ok(Faulted {
            section: self,
            entries,
        })
    }
}

/// A read section that has faulted pages in.
#[must_use = "what was faulted in may be used only after `lock()`"]
pub struct Faulted<'s, 'e, T: IntervalSubscriber> {
    section: ReadSection<'s, T>,
    entries: &'e [PageEntry],
}

impl<'s, 'e, T: IntervalSubscriber> Faulted<'s, 'e, T> {
    /// Whether it is known already that all has been for nothing. False may be wrong.
    pub fn is_stale(&self) -> bool {
        self.section.is_stale()
    }

    /// Takes the user lock, and ends the section: see [`ReadSection::lock`].
    ///
    /// # Errors
    ///
    /// [`Retry`] if an invalidation came in between.
    pub fn lock<'t>(self, task: &'t mut TaskContext) -> Result<ValidPages<'s, 't, 'e, T>, Retry> {
        Ok(ValidPages {
            valid: self.section.lock(task)?,
            entries: self.entries,
        })
    }
}

/// The user lock, held, and what the page table has: nothing has changed it since.
///
/// No reference is held to the pages. They are there for as long as this is held, and what is
/// installed in the shadow, until the next invalidation.
#[must_use = "the lock is freed at once when this is dropped"]
pub struct ValidPages<'s, 't, 'e, T: IntervalSubscriber> {
    valid: Valid<'s, 't, T>,
    entries: &'e [PageEntry],
}

impl<T: IntervalSubscriber> ValidPages<'_, '_, '_, T>
where
    Shadow<T>: Unpin,
{
    /// The shadow, and what is to be installed there: an entry for each page of the range.
    pub fn parts(&mut self) -> (&mut Shadow<T>, &[PageEntry]) {
        (&mut self.valid, self.entries)
    }
}
