// SPDX-License-Identifier: GPL-2.0

//! Lockdep maps: locks that exist only for lockdep.
//!
//! C header: [`include/linux/lockdep.h`](srctree/include/linux/lockdep.h)

use kernel::types::NotThreadSafe;

use super::{
    mnck_helper_lock_map_acquire,
    mnck_helper_lock_map_release, //
};

/// A lockdep map, by its index among those in `check.c`.
///
/// Each callback runs with the map of its kind held. Lockdep thus learns, for all callbacks of the
/// kind at once, which locks are held when the core calls one, and which locks one takes.
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

/// A lockdep map that the current task holds until this is dropped. Without `CONFIG_LOCKDEP` this
/// does nothing.
pub(crate) struct HeldMap(LockMap, NotThreadSafe);

impl HeldMap {
    /// Acquires `map`: `lock_map_acquire()`. Never sleeps.
    pub(crate) fn acquire(map: LockMap) -> Self {
        // SAFETY: Each `LockMap` is the index of a map.
        unsafe { mnck_helper_lock_map_acquire(map as u32) };
        Self(map, NotThreadSafe)
    }
}

impl Drop for HeldMap {
    fn drop(&mut self) {
        // SAFETY: The current task has acquired the map.
        unsafe { mnck_helper_lock_map_release(self.0 as u32) };
    }
}
