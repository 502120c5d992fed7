// SPDX-License-Identifier: GPL-2.0

//! The current task and other tasks, as facts for the ledger.

use kernel::{
    bindings,
    types::NotThreadSafe, //
};

use super::{
    mnck_helper_current_entry,
    mnck_helper_task_has_exited,
    mnck_helper_task_has_left,
    mnck_helper_task_waits_for_cpu, //
};
use crate::event::{
    Task,
    Tasks, //
};

/// Ticks per second.
pub(crate) const TICKS_PER_SECOND: u32 = bindings::HZ;

/// Returns the clock, in ticks: the low bits of `jiffies`.
#[inline]
pub(crate) fn ticks() -> u32 {
    // SAFETY: `jiffies` may be read at any time. The read is volatile, as in C.
    unsafe { (&raw const bindings::jiffies).read_volatile() as u32 }
}

/// Returns the monotonic clock, in ns. For any context: a kprobe is like a non-maskable interrupt.
#[inline]
pub(crate) fn clock_ns() -> u64 {
    // SAFETY: The clock can be read in any context.
    unsafe { bindings::ktime_get_mono_fast_ns() }
}

/// The current task.
#[derive(Clone, Copy)]
pub(crate) struct Current(
    *mut bindings::task_struct,
    #[allow(dead_code)] NotThreadSafe,
);

impl Current {
    /// Returns the current task.
    #[inline]
    pub(crate) fn get() -> Self {
        Self(kernel::task::Task::current_raw(), NotThreadSafe)
    }

    /// Returns the address of its `struct task_struct`.
    #[inline]
    pub(crate) fn key(self) -> u64 {
        self.0.addr() as u64
    }

    /// Returns when it began, in ns since boot. Never 0: the first task begins no range.
    #[inline]
    pub(crate) fn start_time(self) -> u64 {
        // SAFETY: The current task exists. Only the task itself writes this member, in an exec.
        unsafe { (*self.0).start_time }
    }

    /// Returns the number of its voluntary context switches. Each is a sleep; on a `PREEMPT_RT` kernel
    /// it may also be a wait for a contended spin lock.
    #[inline]
    pub(crate) fn voluntary_switches(self) -> usize {
        // SAFETY: The current task exists, and no other task writes this member.
        unsafe { (*self.0).nvcsw }
    }

    /// Returns how long it has waited for a CPU since it began, in ns. Always 0 if the kernel has no
    /// `CONFIG_SCHED_INFO`.
    #[inline]
    pub(crate) fn run_delay(self) -> u64 {
        #[cfg(CONFIG_SCHED_INFO)]
        // SAFETY: The current task exists. Only the scheduler writes this member, when the task does not
        // run.
        unsafe {
            (*self.0).sched_info.run_delay
        }
        #[cfg(not(CONFIG_SCHED_INFO))]
        0
    }

    /// Returns the task as a fact.
    #[inline]
    pub(crate) fn task(self) -> Task {
        // SAFETY: The current task exists. Only an exec changes its id. Its name may change at any
        // time: a name that is half new is no harm.
        let (pid, comm) = unsafe {
            (
                (*self.0).pid,
                (&raw const (*self.0).comm)
                    .cast::<[u64; 2]>()
                    .read_unaligned(),
            )
        };

        Task {
            key: self.key(),
            start_time: self.start_time(),
            pid,
            comm,
        }
    }
}

/// Returns a number of less than 31 bits for the way in which the current task has entered the
/// kernel: another system call, or the same with other arguments, has mostly another number. Always
/// 0 for a kernel thread.
pub(crate) fn entry() -> u32 {
    // SAFETY: Reads what the current task has saved when it entered the kernel.
    unsafe { mnck_helper_current_entry() }
}

/// Returns how long the current task has waited for a CPU since it began, in ns: see
/// [`Current::run_delay`].
pub(crate) fn current_run_delay() -> u64 {
    Current::get().run_delay()
}

/// The tasks of the machine.
pub(crate) struct AllTasks;

impl Tasks for AllTasks {
    fn has_exited(&self, task: &Task) -> bool {
        // SAFETY: The function accepts any numbers.
        unsafe { mnck_helper_task_has_exited(task.pid, task.key) }
    }

    fn waits_for_cpu(&self, task: &Task) -> bool {
        // SAFETY: The function accepts any numbers.
        unsafe { mnck_helper_task_waits_for_cpu(task.pid, task.key) }
    }

    fn has_left_function(&self, task: &Task, address: usize, entry: u32) -> bool {
        // SAFETY: The function accepts any numbers.
        unsafe { mnck_helper_task_has_left(task.pid, task.key, address, entry) }
    }
}
