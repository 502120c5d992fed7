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

/// A map from pages, by their addresses, to values.
///
/// It is made for a lock that callbacks take: its methods do not allocate, and visit only the pages
/// of a range that are in the map. Addresses are in bytes.
pub(super) struct Pages<V>(RBTree<usize, V>);

/// Memory for the values of a number of pages.
pub(super) struct Reserved<V>(KVec<RBTreeNodeReservation<usize, V>>);

impl<V> Reserved<V> {
    /// Allocates memory for `count` pages. May sleep.
    ///
    /// Direct reclaim may invalidate pages, so no lock that callbacks take may be held.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: out of memory.
    pub(super) fn new(count: usize) -> Result<Self> {
        let mut nodes = KVec::with_capacity(count, GFP_KERNEL)?;

        for _ in 0..count {
            nodes.push(RBTreeNodeReservation::new(GFP_KERNEL)?, GFP_KERNEL)?;
        }
        Ok(Self(nodes))
    }
}

impl<V> Pages<V> {
    /// Returns an empty map.
    pub(super) fn new() -> Self {
        Self(RBTree::new())
    }

    /// Sets the values of `pages`. There must be `reserved` memory for all of them.
    pub(super) fn insert(
        &mut self,
        reserved: Reserved<V>,
        pages: impl Iterator<Item = (usize, V)>,
    ) {
        for (node, (page, value)) in reserved.0.into_iter().zip(pages) {
            self.0.insert(node.into_node(page, value));
        }
    }

    /// Returns the value of the page that begins at `page`.
    pub(super) fn get(&self, page: usize) -> Option<&V> {
        self.0.get(&page)
    }

    /// Removes all pages that `range` overlaps, and returns whether there were any. `range` is
    /// half-open.
    pub(super) fn remove(&mut self, range: Range<usize>) -> bool {
        let first = range.start & PAGE_MASK;
        let mut cursor = self.0.cursor_lower_bound_mut(&first);
        let mut any = false;

        while let Some(at) = cursor {
            // After the last page the cursor goes to the pages before the first.
            if !(first..range.end).contains(at.current().0) {
                break;
            }
            (cursor, _) = at.remove_current();
            any = true;
        }
        any
    }
}

/// Returns the addresses of the pages in `range`, which is half-open and page-aligned.
pub(super) fn addresses(range: Range<usize>) -> impl Iterator<Item = usize> {
    range.step_by(PAGE_SIZE)
}

/// Returns the number of pages in `range`, which is half-open and page-aligned.
pub(super) fn count(range: &Range<usize>) -> usize {
    range.len() / PAGE_SIZE
}
