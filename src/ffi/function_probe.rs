// SPDX-License-Identifier: GPL-2.0

//! Probes on the callbacks of MMU notifiers and on functions of the core.
//!
//! C header: [`function_probe.h`](function_probe.h)

use core::{
    mem::size_of,
    ptr::NonNull, //
};

use kernel::{
    bindings::{
        self,
        mmu_interval_notifier,
        mmu_notifier_range, //
    },
    ffi::{
        c_int,
        c_uint,
        c_void, //
    },
    prelude::*,
    sync::Arc,
    task::Pid,
    types::Opaque, //
};

use crate::event::{
    Kind,
    Range, //
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
    mnck_function_probe_calls,
    mnck_function_probe_confirm,
    mnck_function_probe_free,
    mnck_function_probe_hold,
    mnck_function_probe_missed,
    mnck_function_probe_new,
    mnck_function_probe_register,
    mnck_function_probe_release,
    mnck_observer,
    mnck_probed_call,
    mnck_probed_call_has_end,
    mnck_probed_call_left_finish,
    mnck_probed_call_registered,
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

/// A call of a probed function, from the call to the return.
///
/// What a method returns has a meaning only for the functions that it names.
///
/// # Invariants
///
/// `function_probe.c` has written the members of a call of this function, whose subscription, if it has
/// one, is valid.
#[repr(transparent)]
pub(crate) struct ProbedCall(Opaque<mnck_probed_call>);

/// Defines a method that returns a member.
macro_rules! member {
    ($(#[$doc:meta])* $name:ident: $type:ty) => {
        $(#[$doc])*
        #[inline(always)]
        pub(crate) fn $name(&self) -> $type {
            // SAFETY: By the type invariant.
            unsafe { (*self.0.get()).$name }
        }
    };
}

impl ProbedCall {
    /// Returns which function it is: one of `MNCK_CALLBACK_*` or `MNCK_CORE_*`.
    #[inline(always)]
    pub(crate) fn function(&self) -> u32 {
        // SAFETY: By the type invariant.
        unsafe { (*self.0.get()).of.number.into() }
    }

    /// Returns the function's index in the probe.
    #[inline(always)]
    pub(crate) fn index(&self) -> usize {
        // SAFETY: By the type invariant.
        unsafe { (*self.0.get()).of.index.into() }
    }

    member! {
        /// Returns the instruction after the call.
        caller: usize
    }
    member! {
        /// Returns the notifier or the interval notifier, or 0.
        subscription: usize
    }
    member! {
        /// Returns the mm, or 0.
        mm: usize
    }
    member! {
        /// Returns the table of callbacks, for functions that register or end a subscription.
        ops: usize
    }
    member! {
        /// Returns the first byte of an interval that is inserted or removed, and of pages that may be young.
        start: usize
    }
    member! {
        /// Returns the byte after the last.
        end: usize
    }
    member! {
        /// Returns whether a put is the last, which has the subscription freed.
        is_last: bool
    }
    member! {
        /// Returns whether earlier calls of the core's functions were missed.
        has_missed: bool
    }

    /// Returns the range of a callback, or of the core, that has one.
    #[inline(always)]
    fn raw_range(&self) -> Option<&mmu_notifier_range> {
        // SAFETY: By the type invariant. The initiator has the range until its end has returned, and
        // does not change it.
        unsafe { (*self.0.get()).range.cast::<mmu_notifier_range>().as_ref() }
    }

    /// Returns the address of the range, or 0 if there is none.
    #[inline(always)]
    pub(crate) fn range_address(&self) -> usize {
        // SAFETY: By the type invariant.
        unsafe { (*self.0.get()).range.addr() }
    }

    /// Returns the range, if there is one.
    #[inline(always)]
    pub(crate) fn range(&self) -> Option<Range> {
        self.raw_range().map(|range| Range {
            address: self.range_address(),
            start: range.start,
            end: range.end,
            kind: Kind(range.event),
            blockable: range.flags & bindings::MMU_NOTIFIER_RANGE_BLOCKABLE != 0,
        })
    }

    /// Returns whether the range has an owner. That driver may ignore it.
    pub(crate) fn has_owner(&self) -> bool {
        self.raw_range().is_some_and(|range| !range.owner.is_null())
    }

    /// Returns whether the subscription of a start also has an end.
    pub(crate) fn has_end(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { mnck_probed_call_has_end(self.0.get()) }
    }

    /// Returns whether an interval callback has set the sequence.
    #[inline(always)]
    pub(crate) fn sequence_set(&self) -> bool {
        // SAFETY: By the type invariant. Tasks that write the sequence hold a lock, so the read is
        // volatile, as in C.
        unsafe {
            let call = self.0.get();
            let interval = (*call).subscription as *const mmu_interval_notifier;

            (&raw const (*interval).invalidate_seq).read_volatile() == (*call).sequence
        }
    }

    /// Returns whether a first pass has left a finish structure.
    pub(crate) fn left_finish(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { mnck_probed_call_left_finish(self.0.get()) }
    }

    /// Returns the subscription that a function which returns `result` has registered, if it is new.
    pub(crate) fn registered(&self, result: usize) -> Option<usize> {
        // SAFETY: By the type invariant.
        let subscription = unsafe { mnck_probed_call_registered(self.0.get(), result) };

        Some(subscription).filter(|subscription| *subscription != 0)
    }

    /// Returns the process that has the mm for which the function runs, if the kernel knows: it has
    /// `CONFIG_MEMCG`, and the process has not begun to exit. Never sleeps.
    pub(crate) fn pid(&self) -> Option<Pid> {
        let mm = self.mm();
        // SAFETY: The core runs for the mm, or 0 is not passed on.
        let pid = (mm != 0).then(|| unsafe { mnck_helper_owner_of(mm as *const _) })?;

        Some(pid).filter(|pid| *pid != 0)
    }

    /// Returns what the core knows of the ranges of the mm, for which a function of the core runs, if
    /// [`Layout::calibrate`](super::subscriptions::Layout::calibrate) has succeeded.
    pub(crate) fn core_state(&self) -> Option<CoreState> {
        // SAFETY: The caller of the core's function has a reference to the mm.
        unsafe { state_of(self.mm() as *mut _) }
    }
}

/// Sees the calls of probed functions.
///
/// Both functions are called in the context of the probed function, with preemption disabled, on
/// any CPU. They must not sleep, and take no lock that may sleep on `PREEMPT_RT`.
pub(crate) trait Observer: Send + Sync + 'static {
    /// Whether the calls of each function are counted.
    const COUNTS: bool;

    /// What is kept from the call to the return of a function. At most `MNCK_PROBE_STATE` words.
    type State: Copy + 'static;

    /// Returns whether the core may call a callback in the current task for the range at this address, or
    /// for the range that it starts if that is 0. Only asked by a [tentative](FunctionProbe::tentative)
    /// probe.
    fn expects(&self, range: usize) -> bool;

    /// A function is called. Returns what is kept until it returns, if that is to be observed.
    fn enter(&self, call: &ProbedCall) -> Option<Self::State>;

    /// A function returns `result`, in the same task, if it has a result. Not called if the probe was
    /// dropped meanwhile.
    fn leave(&self, call: &ProbedCall, result: usize, state: Self::State);
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
            mnck_function_probe_new(
                functions.len() as c_uint,
                &c_observer,
                is_tentative,
                T::COUNTS,
            )
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

    /// Returns how often the function with this index has returned, if the observer
    /// [counts](Observer::COUNTS).
    pub(crate) fn calls(&self, index: usize) -> usize {
        // SAFETY: The probe is valid.
        unsafe { mnck_function_probe_calls(self.probe.as_ptr(), index as c_uint) }
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
    call: *mut mnck_probed_call,
) -> c_int {
    const { assert!(size_of::<T::State>() <= size_of::<[u64; MNCK_PROBE_STATE as usize]>()) };

    // SAFETY: `FunctionProbe::register()` has set the observer, and holds it.
    // CAST: `ProbedCall` is a transparent wrapper.
    // INVARIANT: The probe has written the call.
    let (observer, called) = unsafe { (&*observer.cast::<T>(), &*call.cast::<ProbedCall>()) };

    match observer.enter(called) {
        Some(state) => {
            // SAFETY: The memory is that of the call, and has so many bytes.
            unsafe { (&raw mut (*call).state).cast::<T::State>().write(state) };
            0
        }
        None => 1,
    }
}

/// `leave` of `struct mnck_observer`.
///
/// # Safety
///
/// As [`enter`].
unsafe extern "C" fn leave<T: Observer>(
    observer: *const c_void,
    call: *const mnck_probed_call,
    result: usize,
) {
    // SAFETY: As in `enter()`, which has written the state.
    let (observer, called, state) = unsafe {
        (
            &*observer.cast::<T>(),
            &*call.cast::<ProbedCall>(),
            (&raw const (*call).state).cast::<T::State>().read(),
        )
    };

    observer.leave(called, result, state);
}
