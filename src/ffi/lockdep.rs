// SPDX-License-Identifier: GPL-2.0

//! Lockdep maps, which stand for locks that there are not.
//!
//! C header: [`include/linux/lockdep.h`](srctree/include/linux/lockdep.h)

use kernel::types::NotThreadSafe;

use super::{
    mnck_helper_lock_map_acquire,
    mnck_helper_lock_map_release, //
};

/// A map, by its place among those in `check.c`.
///
/// A callback runs with the map of its kind held. So whatever lock it takes is ordered, for lockdep,
/// within whatever its caller has, and one run of any callback of the kind teaches that for all.
#[derive(Clone, Copy)]
pub(crate) enum LockMap {
    Start = 0,
    End = 1,
    Release = 2,
    Invalidate = 3,
    Finish = 4,
    Flush = 5,
    Young = 6,
    ChainStart = 7,
    ChainEnd = 8,
}

/// A map, held by the current task until this is dropped. Without CONFIG_LOCKDEP, nothing.
pub(crate) struct HeldMap(LockMap, NotThreadSafe);

impl HeldMap {
    /// Acquires `map`: `lock_map_acquire()`. The task may hold a page table's spin lock.
    pub(crate) fn acquire(map: LockMap) -> Self {
        // SAFETY: There are maps with all these numbers.
        unsafe { mnck_helper_lock_map_acquire(map as u32) };
        Self(map, NotThreadSafe)
    }
}

impl Drop for HeldMap {
    fn drop(&mut self) {
        // SAFETY: The current task has acquired it.
        unsafe { mnck_helper_lock_map_release(self.0 as u32) };
    }
}
