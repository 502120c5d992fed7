// SPDX-License-Identifier: GPL-2.0

//! Finding the mm of a process, which `rust/kernel` has no way to do.
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

/// The task whose id is `pid` in the caller's pid namespace.
fn find_task(pid: Pid) -> Option<ARef<Task>> {
    // SAFETY: Any number may be asked for. The caller owns the reference that comes back.
    let pid = unsafe { bindings::find_get_pid(pid) };

    // SAFETY: `get_pid_task()` takes null; else `pid` is a reference of ours. The caller owns the
    // reference that comes back.
    let task = unsafe { bindings::get_pid_task(pid, bindings::pid_type_PIDTYPE_PID) };

    // SAFETY: As above, and this gives up the reference.
    unsafe { bindings::put_pid(pid) };

    // SAFETY: `task` is a reference of ours, which the `ARef` takes over. `Task` is a transparent
    // wrapper of `struct task_struct`.
    NonNull::new(task.cast::<Task>()).map(|task| unsafe { ARef::from_raw(task) })
}

/// Whether the caller may trace any process: `capable(CAP_SYS_PTRACE)`.
///
/// `ptrace_may_access()`, which would also let a user at his own processes, is not exported.
fn may_trace_all() -> bool {
    // SAFETY: Asks for the current task's credentials, which is always allowed.
    unsafe { bindings::capable(bindings::CAP_SYS_PTRACE as c_int) }
}

/// The mm of the thread `pid`, in the caller's pid namespace, and its process's id in the initial
/// one; 0 is the caller.
///
/// Called from an ioctl. The reference keeps the mm from exiting, so it must not be kept.
///
/// # Errors
///
/// - [`ESRCH`]: no such thread, or it is exiting.
/// - [`EINVAL`]: it is a kernel thread.
/// - [`EPERM`]: it is not the caller's mm, and the caller lacks `CAP_SYS_PTRACE`.
pub(crate) fn mm_of(pid: Pid) -> Result<(ARef<MmWithUser>, Pid)> {
    let current = current!();
    let own = current.mm();

    if pid == 0 {
        return own.map(|mm| (ARef::from(mm), current.tgid())).ok_or(ESRCH);
    }

    let task = find_task(pid).ok_or(ESRCH)?;

    // SAFETY: `task` is a valid task. Its flags may be written meanwhile by the task itself, which
    // is why the read is volatile; `PF_KTHREAD` never changes in the life of a task.
    let flags = unsafe { (&raw const (*task.as_ptr()).flags).read_volatile() };
    if flags & bindings::PF_KTHREAD != 0 {
        return Err(EINVAL);
    }

    // SAFETY: `task` is a valid task. The caller owns the reference that comes back.
    let mm = unsafe { bindings::get_task_mm(task.as_ptr()) };
    let mm = NonNull::new(mm.cast::<MmWithUser>()).ok_or(ESRCH)?;

    // SAFETY: `mm` is an `mmget` reference of ours, which the `ARef` takes over. `MmWithUser` is a
    // transparent wrapper of `struct mm_struct`.
    let mm = unsafe { ARef::from_raw(mm) };

    if own.is_none_or(|own| own.as_raw() != mm.as_raw()) && !may_trace_all() {
        return Err(EPERM);
    }
    Ok((mm, task.tgid()))
}
