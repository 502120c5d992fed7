// SPDX-License-Identifier: GPL-2.0

//! The state of the current task.

use kernel::task::Task;

use super::mnck_helper_current_is_killed;

/// Returns whether the current task was killed: `fatal_signal_pending()`. It should then stop
/// waiting.
pub(crate) fn current_is_killed() -> bool {
    // SAFETY: Reads the signals of the current task, which is always allowed.
    unsafe { mnck_helper_current_is_killed() }
}

/// Returns the number of voluntary context switches of the current task. Each is a sleep; on a
/// `PREEMPT_RT` kernel it may also be a wait for a contended spin lock.
pub(crate) fn current_voluntary_switches() -> usize {
    // SAFETY: The current task exists, and no other task writes this member.
    unsafe { (*Task::current_raw()).nvcsw }
}
