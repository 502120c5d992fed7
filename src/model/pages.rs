// SPDX-License-Identifier: GPL-2.0

//! A map from pages to values.

use core::ops::Range;

use kernel::{
    page::{
        PAGE_MASK,
        PAGE_SIZE, //
    },
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNodeReservation, //
    }, //
};

use crate::ffi::uapi::MNCK_MAX_PAGES;

/// A map from pages, by their addresses, to values. It has at most `MNCK_MAX_PAGES` pages.
///
/// It is made for a lock that callbacks take: its methods do not allocate, and visit only the pages
/// of a range that are in the map. The limit bounds the time that a removal takes with that lock,
/// which may be a spin lock. Addresses are in bytes.
pub(super) struct Pages<V> {
    tree: RBTree<usize, V>,
    /// The number of pages in `tree`.
    count: usize,
}

/// Memory for the values of a number of pages.
pub(super) struct Reserved<V>(KVec<RBTreeNodeReservation<usize, V>>);

impl<V> Reserved<V> {
    /// Allocates memory for `count` pages, which is charged to the caller's memory cgroup. May
    /// sleep.
    ///
    /// Direct reclaim may invalidate pages, so no lock that callbacks take may be held.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: out of memory.
    pub(super) fn new(count: usize) -> Result<Self> {
        let mut nodes = KVec::with_capacity(count, GFP_KERNEL_ACCOUNT)?;

        for _ in 0..count {
            nodes.push(
                RBTreeNodeReservation::new(GFP_KERNEL_ACCOUNT)?,
                GFP_KERNEL_ACCOUNT,
            )?;
        }
        Ok(Self(nodes))
    }
}

impl<V> Pages<V> {
    /// Returns an empty map.
    pub(super) fn new() -> Self {
        Self {
            tree: RBTree::new(),
            count: 0,
        }
    }

    /// Sets the values of `pages`. There must be `reserved` memory for all of them.
    ///
    /// # Errors
    ///
    /// - [`ENOSPC`]: the map would have too many pages. It has not changed.
    pub(super) fn insert(
        &mut self,
        reserved: Reserved<V>,
        pages: impl Iterator<Item = (usize, V)> + Clone,
    ) -> Result {
        let new = pages
            .clone()
            .filter(|(page, _)| self.tree.get(page).is_none())
            .count();

        if self.count.saturating_add(new) > MNCK_MAX_PAGES as usize {
            return Err(ENOSPC);
        }
        for (node, (page, value)) in reserved.0.into_iter().zip(pages) {
            self.tree.insert(node.into_node(page, value));
        }
        self.count = self.count.saturating_add(new);
        Ok(())
    }

    /// Returns the value of the page that begins at `page`.
    pub(super) fn get(&self, page: usize) -> Option<&V> {
        self.tree.get(&page)
    }

    /// Removes all pages that `range` overlaps, and returns whether there were any. `range` is
    /// half-open.
    pub(super) fn remove(&mut self, range: Range<usize>) -> bool {
        let first = range.start & PAGE_MASK;
        let mut cursor = self.tree.cursor_lower_bound_mut(&first);
        let mut removed = 0usize;

        while let Some(at) = cursor {
            // After the last page the cursor goes to the pages before the first.
            if !(first..range.end).contains(at.current().0) {
                break;
            }
            (cursor, _) = at.remove_current();
            removed = removed.saturating_add(1);
        }
        self.count = self.count.saturating_sub(removed);
        removed != 0
    }
}

/// Returns the addresses of the pages in `range`, which is half-open and page-aligned.
pub(super) fn addresses(range: Range<usize>) -> impl Iterator<Item = usize> + Clone {
    range.step_by(PAGE_SIZE)
}

/// Returns the number of pages in `range`, which is half-open and page-aligned.
pub(super) fn count(range: &Range<usize>) -> usize {
    range.len() / PAGE_SIZE
}
