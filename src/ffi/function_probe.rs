// SPDX-License-Identifier: GPL-2.0

//! Probes on the callbacks of MMU notifiers and on functions of the core.
//!
//! C header: [`function_probe.h`](function_probe.h)

use core::ptr::NonNull;

use kernel::{
    ffi::{
        c_uint,
        c_void, //
    },
    prelude::*,
    sync::Arc,
    task::Pid, //
};

use super::{
    mnck_helper_owner_of,
    subscriptions::{
        state_of,
        CoreState, //
    }, //
};

#[allow(
    clippy::all,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    unreachable_pub
)]
mod function_probe_generated {
    use kernel::ffi;

    include!(concat!(
        env!("MNCK_GENERATED"),
        "/function_probe_generated.rs"
    ));
}

use function_probe_generated::{
    mnck_function_address,
    mnck_function_probe,
    mnck_function_probe_add,
    mnck_function_probe_by,
    mnck_function_probe_confirm,
    mnck_function_probe_free,
    mnck_function_probe_hold,
    mnck_function_probe_missed,
    mnck_function_probe_new,
    mnck_function_probe_register,
    mnck_function_probe_release,
    mnck_observer,
    mnck_probed_call,
    mnck_probed_call_read_range,
    MNCK_PROBED_BY_FPROBE,
    MNCK_PROBED_BY_KRETPROBE,
    MNCK_PROBE_STATE, //
};

pub(crate) use function_probe_generated::{
    MNCK_CORE_END,
    MNCK_CORE_GET,
    MNCK_CORE_INSERT,
    MNCK_CORE_PUT,
    MNCK_CORE_READ_BEGIN,
    MNCK_CORE_REGISTER,
    MNCK_CORE_RELEASE,
    MNCK_CORE_REMOVE,
    MNCK_CORE_START,
    MNCK_CORE_UNREGISTER,
    MNCK_CORE_YOUNG, //
};

/// A call of a probed function.
pub(crate) type ProbedCall = mnck_probed_call;

impl ProbedCall {
    /// Returns a callback that returns, with its range, if it has one.
    pub(crate) fn with_range(&self) -> Self {
        let mut call = *self;

        // SAFETY: A callback returns, so that its range is there.
        unsafe { mnck_probed_call_read_range(&mut call) };
        call
    }

    /// Returns the process that has the mm for which the function runs, if the kernel knows: it has
    /// `CONFIG_MEMCG`, and the process has not begun to exit. Never sleeps.
    pub(crate) fn pid(&self) -> Option<Pid> {
        // SAFETY: The core runs for the mm, or 0 is not passed on.
        let pid = (self.mm != 0).then(|| unsafe { mnck_helper_owner_of(self.mm as *const _) })?;

        Some(pid).filter(|pid| *pid != 0)
    }

    /// Returns what the core knows of the ranges of the mm, for which a function of the core runs, if
    /// [`Layout::calibrate`](super::subscriptions::Layout::calibrate) has succeeded.
    pub(crate) fn core_state(&self) -> Option<CoreState> {
        // SAFETY: The caller of the core's function has a reference to the mm.
        unsafe { state_of(self.mm as *mut _) }
    }
}

/// What an observer keeps from the call to the return of a function.
pub(crate) type State = [u64; MNCK_PROBE_STATE as usize];

/// Sees the calls of probed functions.
///
/// Both functions are called in the context of the probed function, with preemption disabled, on
/// any CPU. They must not sleep, and take no lock that may sleep on `PREEMPT_RT`.
pub(crate) trait Observer: Send + Sync + 'static {
    /// Returns whether the core may call a callback in the current task for the range at this address, or
    /// for the range that it starts if that is 0. Only asked by a [tentative](FunctionProbe::tentative)
    /// probe.
    fn expects(&self, range: usize) -> bool;

    /// A function is called. Returns whether its return is to be observed.
    fn enter(&self, call: &ProbedCall, state: &mut State) -> bool;

    /// A function returns, in the same task. Not called if the probe was dropped meanwhile.
    fn leave(&self, call: &ProbedCall, state: &State);
}

/// How a function is probed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProbedBy {
    Nothing,
    Fprobe,
    Kretprobe,
}

/// Returns the address of a function of the kernel. Sleeps.
pub(crate) fn function_address(symbol: &CStr) -> Option<usize> {
    // SAFETY: `symbol` is a string, and this may sleep.
    Some(unsafe { mnck_function_address(symbol.as_char_ptr()) }).filter(|address| *address != 0)
}

/// Gives the kernel's fprobe back on drop, which sleeps, and comes after that of all probes. The module
/// has one.
pub(crate) struct Probes(());

impl Probes {
    pub(crate) fn new() -> Self {
        Self(())
    }

    /// Keeps the kernel's fprobe in use, before the first probe is made, until the `Probes` are dropped.
    /// Sleeps. One task calls this at a time.
    pub(crate) fn hold() {
        // SAFETY: This may sleep, and no other task does the same.
        unsafe { mnck_function_probe_hold() };
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        // SAFETY: This may sleep, and no task calls `hold()` any more.
        unsafe { mnck_function_probe_release() };
    }
}

/// A registered probe on some functions. The drop sleeps until the observer is not used any more.
///
/// # Invariants
///
/// The pointer comes from `mnck_function_probe_new()`, and `observer` is what the probe has.
pub(crate) struct FunctionProbe<T: Observer> {
    probe: NonNull<mnck_function_probe>,
    observer: Arc<T>,
}

// SAFETY: A probe is not tied to a task.
unsafe impl<T: Observer> Send for FunctionProbe<T> {}
// SAFETY: What can be done with a shared reference reads numbers, or writes one by `WRITE_ONCE()`.
unsafe impl<T: Observer> Sync for FunctionProbe<T> {}

impl<T: Observer> FunctionProbe<T> {
    /// Registers a probe on `functions`: what each is, and its address. Those that can't be probed
    /// are left out. Sleeps.
    ///
    /// Each address must be the entry of that function. The function must exist until this is dropped,
    /// or until its module goes.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: out of memory.
    pub(crate) fn new(functions: &[(u32, usize)], observer: Arc<T>) -> Result<Self> {
        Self::register(functions, observer, false)
    }

    /// As [`new`](Self::new), if it is not certain that the functions are callbacks for ranges: a call is
    /// observed only if the table of its subscription has the function, and the core calls callbacks for
    /// that range in the current task. The addresses may be those of any functions.
    pub(crate) fn tentative(functions: &[(u32, usize)], observer: Arc<T>) -> Result<Self> {
        Self::register(functions, observer, true)
    }

    /// Says that the functions of a [tentative](Self::tentative) probe are callbacks.
    pub(crate) fn confirm(&self) {
        // SAFETY: The probe is valid.
        unsafe { mnck_function_probe_confirm(self.probe.as_ptr()) };
    }

    fn register(functions: &[(u32, usize)], observer: Arc<T>, is_tentative: bool) -> Result<Self> {
        let c_observer = mnck_observer {
            observer: Arc::as_ptr(&observer).cast(),
            expects: Some(expects::<T>),
            enter: Some(enter::<T>),
            leave: Some(leave::<T>),
        };

        // SAFETY: `c_observer` is valid. `observer` is there as long as the probe, which the drop
        // frees first.
        let probe = unsafe {
            mnck_function_probe_new(functions.len() as c_uint, &c_observer, is_tentative)
        };
        // INVARIANT: It comes from there.
        let this = Self {
            probe: NonNull::new(probe).ok_or(ENOMEM)?,
            observer,
        };

        for &(function, address) in functions {
            // SAFETY: The probe is valid and not registered.
            unsafe { mnck_function_probe_add(this.probe.as_ptr(), function, address) };
        }
        // SAFETY: As above, and this may sleep.
        unsafe { mnck_function_probe_register(this.probe.as_ptr()) };
        Ok(this)
    }

    /// Returns the observer.
    pub(crate) fn observer(&self) -> &Arc<T> {
        &self.observer
    }

    /// Returns how the function with this index is probed.
    pub(crate) fn by(&self, index: usize) -> ProbedBy {
        // SAFETY: The probe is valid.
        match unsafe { mnck_function_probe_by(self.probe.as_ptr(), index as c_uint) } {
            MNCK_PROBED_BY_FPROBE => ProbedBy::Fprobe,
            MNCK_PROBED_BY_KRETPROBE => ProbedBy::Kretprobe,
            _ => ProbedBy::Nothing,
        }
    }

    /// Returns the number of calls that the kernel did not report.
    pub(crate) fn missed(&self) -> usize {
        // SAFETY: The probe is valid.
        unsafe { mnck_function_probe_missed(self.probe.as_ptr()) }
    }
}

impl<T: Observer> Drop for FunctionProbe<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. This may sleep, and comes before the drop of the observer.
        unsafe { mnck_function_probe_free(self.probe.as_ptr()) };
    }
}

/// `expects` of `struct mnck_observer`.
///
/// # Safety
///
/// Only a probe of `FunctionProbe<T>` may call this.
unsafe extern "C" fn expects<T: Observer>(observer: *const c_void, range: usize) -> bool {
    // SAFETY: `FunctionProbe::register()` has set the observer, and holds it.
    let observer = unsafe { &*observer.cast::<T>() };

    observer.expects(range)
}

/// `enter` of `struct mnck_observer`.
///
/// # Safety
///
/// Only a probe of `FunctionProbe<T>` may call this.
unsafe extern "C" fn enter<T: Observer>(
    observer: *const c_void,
    call: *const mnck_probed_call,
    state: *mut u64,
) -> bool {
    // SAFETY: `FunctionProbe::register()` has set the observer, and holds it. `state` is an array of so
    // many, which is another's for no time of this call. It is written as a whole before it is read.
    let (observer, call, state) = unsafe {
        state.write_bytes(0, MNCK_PROBE_STATE as usize);
        (&*observer.cast::<T>(), &*call, &mut *state.cast::<State>())
    };

    observer.enter(call, state)
}

/// `leave` of `struct mnck_observer`.
///
/// # Safety
///
/// As [`enter`].
unsafe extern "C" fn leave<T: Observer>(
    observer: *const c_void,
    call: *const mnck_probed_call,
    state: *const u64,
) {
    // SAFETY: As in `enter()`, which has written the state.
    let (observer, call, state) =
        unsafe { (&*observer.cast::<T>(), &*call, &*state.cast::<State>()) };

    observer.leave(call, state);
}
