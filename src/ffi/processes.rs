// SPDX-License-Identifier: GPL-2.0

//! The processes of the machine, as they fork, execute programs and are reaped.
//!
//! C header: [`include/trace/events/sched.h`](srctree/include/trace/events/sched.h)

use core::marker::PhantomData;

use kernel::{
    error::to_result,
    prelude::*, //
};

use super::{
    mnck_helper_processes_follow,
    mnck_helper_processes_leave, //
};

/// Is told of processes. A process is named by the address of its `struct signal_struct`, which no
/// other process has until it was reaped; an mm by its address, or 0 for none.
///
/// The functions are called in any task, and must not sleep.
pub(crate) trait Processes: 'static {
    /// A process with the mm `parent` has forked the process `child`, which has `mm` and does not run
    /// yet.
    fn forked(parent: usize, child: usize, mm: usize);

    /// The current process has executed a program, and has `mm` now. `is_secret` if its user may not
    /// trace it.
    fn executed(process: usize, mm: usize, is_secret: bool);

    /// A process was reaped.
    fn reaped(process: usize);
}

/// Has `T` told of processes, until this is dropped. There is one at a time. The drop sleeps.
pub(crate) struct Following<T: Processes>(PhantomData<T>);

impl<T: Processes> Following<T> {
    /// Begins. Sleeps.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: the kernel has no `CONFIG_TRACEPOINTS`.
    /// - [`ENOMEM`]: out of memory.
    pub(crate) fn begin() -> Result<Self> {
        // SAFETY: This may sleep, and there is no other `Following`.
        to_result(unsafe {
            mnck_helper_processes_follow(Some(forked::<T>), Some(executed::<T>), Some(reaped::<T>))
        })?;
        Ok(Self(PhantomData))
    }
}

impl<T: Processes> Drop for Following<T> {
    fn drop(&mut self) {
        // SAFETY: This may sleep.
        unsafe { mnck_helper_processes_leave() };
    }
}

extern "C" fn forked<T: Processes>(parent: usize, child: usize, mm: usize) {
    T::forked(parent, child, mm);
}

extern "C" fn executed<T: Processes>(process: usize, mm: usize, is_secret: bool) {
    T::executed(process, mm, is_secret);
}

extern "C" fn reaped<T: Processes>(process: usize) {
    T::reaped(process);
}
