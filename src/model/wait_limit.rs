// SPDX-License-Identifier: GPL-2.0

//! The limit of waits for user space.

use kernel::time::Msecs;

use crate::ffi::parameters;

/// Returns how long a callback or an ioctl waits for a user, in ms: `wait_limit_ms`.
///
/// A driver holds its own lock, and releases it. A user holds the lock of a model subscriber.
/// The user may never release it, or may be unable to: the exit of the user's process may wait for
/// the very callback that waits for the lock, because an exiting task gives up its mm before its
/// files, and the release of an mm waits for all callbacks. Kernel threads also run callbacks, and
/// cannot be killed.
pub(super) fn wait_limit() -> Msecs {
    parameters::wait_limit_ms.value()
}
