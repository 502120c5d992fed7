// SPDX-License-Identifier: GPL-2.0

//! The state of the current task.

use super::mnck_helper_current_is_killed;

/// Returns whether the current task was killed: `fatal_signal_pending()`. It should then stop
/// waiting.
pub(crate) fn current_is_killed() -> bool {
    // SAFETY: Reads the signals of the current task, which is always allowed.
    unsafe { mnck_helper_current_is_killed() }
}
