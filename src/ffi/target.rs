// SPDX-License-Identifier: GPL-2.0

//! Finds the mm of a process, for which the `kernel` crate has no function.
//!
//! C headers: [`include/linux/pid.h`](srctree/include/linux/pid.h),
//! [`include/linux/sched/mm.h`](srctree/include/linux/sched/mm.h)

use core::ptr::NonNull;

use kernel::{
    bindings,
    ffi::c_int,
    mm::MmWithUser,
    prelude::*,
    sync::aref::ARef,
    task::{
        Pid,
        Task, //
    }, //
};

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

/// Returns whether the caller may trace any process: `capable(CAP_SYS_PTRACE)`.
///
/// `ptrace_may_access()`, which would also admit processes of the same user, is not exported.
fn may_trace_all() -> bool {
    // SAFETY: Reads the credentials of the current task, which is always allowed.
    unsafe { bindings::capable(bindings::CAP_SYS_PTRACE as c_int) }
}

/// Returns the mm of the thread `pid`, and the id of the thread's process in the initial pid
/// namespace. `pid` is in the caller's pid namespace; 0 is the caller. Called from an ioctl.
///
/// The reference keeps the mm from exiting, so it must be dropped before the ioctl returns.
///
/// # Errors
///
/// - [`ESRCH`]: there is no such thread, or it is exiting.
/// - [`EINVAL`]: `pid` is a kernel thread.
/// - [`EPERM`]: the mm is not the caller's, and the caller lacks `CAP_SYS_PTRACE`.
pub(crate) fn mm_of(pid: Pid) -> Result<(ARef<MmWithUser>, Pid)> {
    let current = current!();
    let own = current.mm();

    if pid == 0 {
        return own.map(|mm| (ARef::from(mm), current.tgid())).ok_or(ESRCH);
    }

    let task = find_task(pid).ok_or(ESRCH)?;

    // SAFETY: `task` is a valid task. The read is volatile because the task itself may write its
    // flags at the same time; `PF_KTHREAD` never changes in the life of a task.
    let flags = unsafe { (&raw const (*task.as_ptr()).flags).read_volatile() };
    if flags & bindings::PF_KTHREAD != 0 {
        return Err(EINVAL);
    }

    // SAFETY: `task` is a valid task. This owns the reference that `get_task_mm()` returns.
    let mm = unsafe { bindings::get_task_mm(task.as_ptr()) };
    let mm = NonNull::new(mm.cast::<MmWithUser>()).ok_or(ESRCH)?;

    // SAFETY: This owns `mm`, an `mmget` reference that the `ARef` takes over. `MmWithUser` is a
    // transparent wrapper of `struct mm_struct`.
    let mm = unsafe { ARef::from_raw(mm) };

    if own.is_none_or(|own| own.as_raw() != mm.as_raw()) && !may_trace_all() {
        return Err(EPERM);
    }
    Ok((mm, task.tgid()))
}
