// SPDX-License-Identifier: GPL-2.0

//! The proof that code runs outside of every callback.

use kernel::{
    prelude::*,
    task::might_sleep,
    types::NotThreadSafe, //
};

use crate::ffi;

/// Proof that the current task is in no callback of an MMU notifier, and may sleep.
///
/// Registering, unregistering and [`read_begin`](super::IntervalRegistration::read_begin) wait for
/// callbacks to return, or for locks that are held around them, and so would wait for themselves in
/// one. They take this.
///
/// It cannot find its way into a callback, since callbacks are given nothing but a subscriber,
/// which is [`Sync`].
///
/// What waits takes it by `&mut`, and a lock that callbacks take, or that is held around them,
/// borrows it for as long as it is held: so nothing waits for a callback that waits for the lock.
///
/// # Examples
///
/// ```
/// use kernel::prelude::*;
/// use mnck::mmu_notifier::TaskContext;
///
/// fn ioctl() -> Result {
///     let mut task = TaskContext::current()?;
///     // Register, fault pages in, unregister: with `&mut task`.
///     # let _ = &mut task;
///     Ok(())
/// }
/// ```
pub struct TaskContext(NotThreadSafe);

impl TaskContext {
    /// Looks where the current task is. `might_sleep()`.
    ///
    /// This walks the stack, some 4,000 instructions on x86_64 and 1,000 on arm64: fine for a system
    /// call, not for a tight loop. Ask once, on entry, and pass it on: what a second one allows, the
    /// first may have forbidden.
    ///
    /// # Errors
    ///
    /// - [`EDEADLK`]: it is in a callback. Needs `CONFIG_STACKTRACE` and `CONFIG_KALLSYMS`; a
    ///   kernel without them cannot tell, and this succeeds always.
    pub fn current() -> Result<Self> {
        might_sleep();
        // SAFETY: Looks at the stack of the current task.
        if unsafe { ffi::mnck_helper_in_callback() } {
            return Err(EDEADLK);
        }
        Ok(Self(NotThreadSafe))
    }
}
