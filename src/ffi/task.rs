// SPDX-License-Identifier: GPL-2.0

//! Asking about the current task.

use kernel::task::Task;

use super::mnck_helper_current_is_killed;

/// Whether the current task was killed, and so should give up what it waits for:
/// `fatal_signal_pending()`.
pub(crate) fn current_is_killed() -> bool {
    // SAFETY: Asks about the current task.
    unsafe { mnck_helper_current_is_killed() }
}

/// How often the current task has gone to sleep: its voluntary context switches.
pub(crate) fn current_sleeps() -> usize {
    // SAFETY: The current task exists, and nobody else writes this member.
    unsafe { (*Task::current_raw()).nvcsw }
}
