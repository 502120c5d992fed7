// SPDX-License-Identifier: GPL-2.0

//! Lockdep maps: locks that exist only for lockdep.
//!
//! C header: [`include/linux/lockdep.h`](srctree/include/linux/lockdep.h)

use kernel::types::NotThreadSafe;

#[cfg(CONFIG_LOCKDEP)]
use super::{
    mnck_helper_lock_map_acquire,
    mnck_helper_lock_map_release, //
};
use crate::event::Callback;

/// A lockdep map that the current task holds until this is dropped. Without `CONFIG_LOCKDEP` this
/// does nothing.
///
/// There is one for each kind of callback, and each callback runs with that of its kind held.
/// Lockdep thus learns, for all callbacks of the kind at once, which locks are held when the core
/// calls one, and which locks one takes.
pub(crate) struct HeldMap(
    #[cfg_attr(not(CONFIG_LOCKDEP), expect(dead_code))] Callback,
    NotThreadSafe,
);

impl HeldMap {
    /// Acquires the map of `callback`: `lock_map_acquire()`. Never sleeps.
    #[inline]
    pub(crate) fn acquire(callback: Callback) -> Self {
        #[cfg(CONFIG_LOCKDEP)]
        // SAFETY: `check.c` has a map for each `Callback`, by its number.
        unsafe {
            mnck_helper_lock_map_acquire(callback as u32)
        };
        Self(callback, NotThreadSafe)
    }
}

impl Drop for HeldMap {
    #[inline]
    fn drop(&mut self) {
        #[cfg(CONFIG_LOCKDEP)]
        // SAFETY: The current task has acquired the map.
        unsafe {
            mnck_helper_lock_map_release(self.0 as u32)
        };
    }
}
