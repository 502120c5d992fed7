// SPDX-License-Identifier: GPL-2.0

//! Owning what the core knows.

use core::{
    mem::ManuallyDrop,
    ops::Deref,
    pin::Pin, //
};

use kernel::prelude::*;

use super::TaskContext;
use crate::ffi;

/// Owns a `T`, whose drop waits until no callback runs.
///
/// In a callback it would wait for itself, so there it is not dropped: that is a WARN, and `T` is
/// leaked, still registered and keeping its module loaded. A kernel without `CONFIG_STACKTRACE` or
/// `CONFIG_KALLSYMS` cannot tell, and waits.
pub(super) struct Handle<T>(ManuallyDrop<Pin<KBox<T>>>);

impl<T> Handle<T> {
    /// Makes the `T` where it will stay.
    pub(super) fn new(init: impl PinInit<T, Error>) -> Result<Self> {
        Ok(Self(ManuallyDrop::new(KBox::try_pin_init(
            init,
            GFP_KERNEL_ACCOUNT,
        )?)))
    }

    /// The `T`.
    pub(super) fn get(&self) -> Pin<&T> {
        self.0.as_ref()
    }

    /// Drops the `T`, with no need to ask where.
    pub(super) fn drop_in(self, _task: &mut TaskContext) {
        let mut this = ManuallyDrop::new(self);

        // SAFETY: The handle is not used any more, and not dropped again.
        unsafe { ManuallyDrop::drop(&mut this.0) };
    }
}

impl<T> Deref for Handle<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        // SAFETY: Looks at the stack of the current task.
        if unsafe { ffi::mnck_helper_warn_in_callback() } {
            return;
        }

        // SAFETY: The handle is going, so this is the first and last drop.
        unsafe { ManuallyDrop::drop(&mut self.0) };
    }
}
