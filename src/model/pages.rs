// SPDX-License-Identifier: GPL-2.0

//! What a subscriber knows of pages, by their addresses.

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

/// A value for each of some pages.
///
/// Made for a lock that callbacks take: under it nothing is allocated, and only what a range has is
/// visited. Addresses are in bytes.
pub(super) struct Pages<V>(RBTree<usize, V>);

/// Memory for the values of some pages.
pub(super) struct Reserved<V>(KVec<RBTreeNodeReservation<usize, V>>);

impl<V> Reserved<V> {
    /// Memory for `count` pages. Allocates with direct reclaim, which may invalidate pages: not
    /// under a lock that callbacks take.
    pub(super) fn new(count: usize) -> Result<Self> {
        let mut nodes = KVec::with_capacity(count, GFP_KERNEL)?;

        for _ in 0..count {
            nodes.push(RBTreeNodeReservation::new(GFP_KERNEL)?, GFP_KERNEL)?;
        }
        Ok(Self(nodes))
    }
}

impl<V> Pages<V> {
    /// No pages.
    pub(super) fn new() -> Self {
        Self(RBTree::new())
    }

    /// Sets the values of `pages`, of which there are not more than was `reserved` for.
    pub(super) fn insert(
        &mut self,
        reserved: Reserved<V>,
        pages: impl Iterator<Item = (usize, V)>,
    ) {
        for (node, (page, value)) in reserved.0.into_iter().zip(pages) {
            self.0.insert(node.into_node(page, value));
        }
    }

    /// The value of the page that begins at `page`.
    pub(super) fn get(&self, page: usize) -> Option<&V> {
        self.0.get(&page)
    }

    /// Forgets all pages that `range` touches, and says whether there were any.
    pub(super) fn remove(&mut self, range: Range<usize>) -> bool {
        let first = range.start & PAGE_MASK;
        let mut cursor = self.0.cursor_lower_bound_mut(&first);
        let mut any = false;

        while let Some(at) = cursor {
            // Behind the last page the cursor goes on to what comes before the first.
            if !(first..range.end).contains(at.current().0) {
                break;
            }
            (cursor, _) = at.remove_current();
            any = true;
        }
        any
    }
}

/// The addresses of the pages of `range`, which is page-aligned.
pub(super) fn addresses(range: Range<usize>) -> impl Iterator<Item = usize> {
    range.step_by(PAGE_SIZE)
}

/// How many pages `range`, which is page-aligned, has.
pub(super) fn count(range: &Range<usize>) -> usize {
    range.len() / PAGE_SIZE
}
