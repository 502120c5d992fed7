// SPDX-License-Identifier: GPL-2.0

//! Finds the mm of a process, for which the `kernel` crate has no function.
//!
//! A pidfd cannot name the process: `pidfd_pid()` and all other functions that take one are not
//! exported.
//!
//! C headers: [`include/linux/pid.h`](srctree/include/linux/pid.h),
//! [`include/linux/sched/mm.h`](srctree/include/linux/sched/mm.h)

use core::ptr::NonNull;

use kernel::{
    bindings,
    error::from_err_ptr,
    fs::File,
    mm::MmWithUser,
    prelude::*,
    sync::aref::ARef,
    task::{
        Pid,
        Task, //
    }, //
};

use super::mnck_helper_access_mm;

/// Returns the task whose id is `pid` in the caller's pid namespace.
fn find_task(pid: Pid) -> Option<ARef<Task>> {
    // SAFETY: `find_get_pid()` accepts any number. This owns the reference that it returns.
    let pid = unsafe { bindings::find_get_pid(pid) };

    // SAFETY: `pid` is null, which `get_pid_task()` accepts, or a reference that this owns. This
    // owns the reference that it returns.
    let task = unsafe { bindings::get_pid_task(pid, bindings::pid_type_PIDTYPE_PID) };

    // SAFETY: As above, and `pid` is not used afterwards.
    unsafe { bindings::put_pid(pid) };

    // SAFETY: This owns `task`, a reference that the `ARef` takes over. `Task` is a transparent
    // wrapper of `struct task_struct`.
    NonNull::new(task.cast::<Task>()).map(|task| unsafe { ARef::from_raw(task) })
}

/// Returns the mm of the thread `pid`, and the id of the thread's process in the initial pid
/// namespace. `pid` is in the caller's pid namespace; 0 is the caller. Called from an ioctl on
/// `file`. Sleeps.
///
/// The opener of the file must be allowed to trace the thread, as for a `ptrace()` with its file
/// system ids and capabilities. The kernel's function for that, `ptrace_may_access()`, is not
/// exported, so this has the same rules itself, without those of security modules: `target.c`.
///
/// The mm, the ids and the dumpability that are checked belong to one program. What changes
/// afterwards has no effect, as with `ptrace()`: an exec gives the process another mm, but a
/// process that gets new ids with `setuid()` keeps its mm.
///
/// The reference keeps the mm from exiting, so it must be dropped before the ioctl returns.
///
/// # Errors
///
/// - [`ESRCH`]: there is no such thread, or it is exiting.
/// - [`EINVAL`]: `pid` is a kernel thread.
/// - [`EPERM`]: the mm is not the caller's, and the opener may not access it.
/// - [`EINTR`]: the caller was killed.
pub(crate) fn mm_of(file: &File, pid: Pid) -> Result<(ARef<MmWithUser>, Pid)> {
    let Target { task, mm } = Target::find(file, pid)?;

    Ok((mm, task.tgid()))
}

/// A process that the opener of a file may trace. As long as this is there, no other process has the
/// addresses of its `struct signal_struct` and of its mm, which are only to be compared.
pub(crate) struct Target {
    task: ARef<Task>,
    mm: ARef<MmWithUser>,
}

impl Target {
    /// Finds the process of the thread `pid`, as [`mm_of`] does. Sleeps.
    ///
    /// The reference keeps the mm from exiting, so it must be dropped before the ioctl returns.
    ///
    /// # Errors
    ///
    /// As for [`mm_of`].
    pub(crate) fn find(file: &File, pid: Pid) -> Result<Self> {
        let (task, mm) = if pid == 0 {
            let current = current!();

            (
                ARef::from(&**current),
                current.mm().map(ARef::from).ok_or(ESRCH)?,
            )
        } else {
            access(file, pid)?
        };

        Ok(Self { task, mm })
    }

    /// Returns whether the thread `pid` still belongs to this process, which has the same mm. Sleeps.
    pub(crate) fn is_same(&self, file: &File, pid: Pid) -> bool {
        Self::find(file, pid)
            .is_ok_and(|found| (found.process(), found.mm()) == (self.process(), self.mm()))
    }

    /// Returns the address of its `struct signal_struct`.
    pub(crate) fn process(&self) -> usize {
        // SAFETY: The task is valid. It has the same signals until it is freed.
        unsafe { (*self.task.as_ptr()).signal }.addr()
    }

    /// Returns the address of its mm.
    pub(crate) fn mm(&self) -> usize {
        self.mm.as_raw().addr()
    }
}

/// Returns the thread `pid` and its mm, if the opener of `file` may trace it.
fn access(file: &File, pid: Pid) -> Result<(ARef<Task>, ARef<MmWithUser>)> {
    let task = find_task(pid).ok_or(ESRCH)?;

    // SAFETY: `task` is a valid task. The read is volatile because the task itself may write its
    // flags at the same time; `PF_KTHREAD` never changes in the life of a task.
    let flags = unsafe { (&raw const (*task.as_ptr()).flags).read_volatile() };
    if flags & bindings::PF_KTHREAD != 0 {
        return Err(EINVAL);
    }

    // SAFETY: `file` and `task` are valid. This owns the reference that the function returns.
    let mm = from_err_ptr(unsafe { mnck_helper_access_mm(file.as_ptr(), task.as_ptr()) })?;
    let mm = NonNull::new(mm.cast::<MmWithUser>()).ok_or(ESRCH)?;

    // SAFETY: This owns `mm`, an `mmget` reference that the `ARef` takes over. `MmWithUser` is a
    // transparent wrapper of `struct mm_struct`.
    let mm = unsafe { ARef::from_raw(mm) };

    Ok((task, mm))
}
