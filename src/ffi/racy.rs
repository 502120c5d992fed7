// SPDX-License-Identifier: GPL-2.0

//! Data that other tasks may read while it is written.

use core::cell::UnsafeCell;

/// Words that one task writes, and that others may read at the same time.
///
/// What a reader gets may be mixed from several writes. As under a sequence counter in C
/// (`include/linux/seqlock.h`), the reader must find out, and then discard it.
#[repr(transparent)]
pub(crate) struct Racy<const N: usize>(UnsafeCell<[u64; N]>);

// SAFETY: All accesses are volatile accesses of one aligned word each, as by `READ_ONCE()` and
// `WRITE_ONCE()`, for which the kernel's memory model defines what a race gives.
unsafe impl<const N: usize> Sync for Racy<N> {}

impl<const N: usize> Racy<N> {
    /// Makes words that are all 0.
    #[inline]
    pub(crate) const fn new() -> Self {
        Self(UnsafeCell::new([0; N]))
    }

    /// Returns all words.
    #[inline]
    pub(crate) fn read(&self) -> [u64; N] {
        core::array::from_fn(|index| self.get(index))
    }

    /// Returns the word with this index, which must be less than `N`; otherwise the last.
    #[inline(always)]
    pub(crate) fn get(&self, index: usize) -> u64 {
        let word = self.0.get().cast::<u64>();

        // SAFETY: The index is within the array. See `Sync` for races.
        unsafe { word.add(index.min(N - 1)).read_volatile() }
    }

    /// Writes the word with this index, which must be less than `N`; otherwise the last.
    #[inline(always)]
    pub(crate) fn set(&self, index: usize, data: u64) {
        let word = self.0.get().cast::<u64>();

        // SAFETY: The index is within the array. See `Sync` for races.
        unsafe { word.add(index.min(N - 1)).write_volatile(data) };
    }

    /// Writes all words.
    #[inline]
    pub(crate) fn write(&self, data: [u64; N]) {
        let first = self.0.get().cast::<u64>();

        for (index, data) in data.into_iter().enumerate() {
            // SAFETY: `data` has as many words as the array. See `Sync` for races.
            unsafe { first.add(index).write_volatile(data) };
        }
    }
}
