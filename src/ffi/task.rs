// SPDX-License-Identifier: GPL-2.0

//! Asking about the current task.

use super::mnck_helper_current_is_killed;

/// Whether the current task was killed, and so should give up what it waits for:
/// `fatal_signal_pending()`.
pub(crate) fn current_is_killed() -> bool {
    // SAFETY: Asks about the current task.
    unsafe { mnck_helper_current_is_killed() }
}
