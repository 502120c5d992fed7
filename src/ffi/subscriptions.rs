// SPDX-License-Identifier: GPL-2.0

//! The subscriptions of all drivers, as the core has them.
//!
//! C header: [`subscriptions.h`](subscriptions.h)

use core::{
    mem::MaybeUninit,
    ptr::NonNull, //
};

use kernel::{
    bindings::mm_struct,
    error::to_result,
    fmt,
    prelude::*, //
};

#[allow(
    clippy::all,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    unreachable_pub
)]
mod subscriptions_generated {
    use kernel::{
        bindings::mm_struct,
        ffi, //
    };

    include!(concat!(
        env!("MNCK_GENERATED"),
        "/subscriptions_generated.rs"
    ));
}

use subscriptions_generated::{
    mnck_core_state,
    mnck_function_name,
    mnck_subscription,
    mnck_subscriptions_calibrate,
    mnck_subscriptions_callbacks,
    mnck_subscriptions_copy,
    mnck_subscriptions_driver,
    mnck_subscriptions_fill,
    mnck_subscriptions_next,
    mnck_subscriptions_put,
    mnck_subscriptions_put_one,
    mnck_subscriptions_state,
    MNCK_CALLBACKS,
    MNCK_DRIVER_LEN, //
};

pub(crate) use subscriptions_generated::{
    MNCK_CALLBACK_CLEAR_FLUSH_YOUNG,
    MNCK_CALLBACK_CLEAR_YOUNG,
    MNCK_CALLBACK_END,
    MNCK_CALLBACK_FREE,
    MNCK_CALLBACK_INVALIDATE,
    MNCK_CALLBACK_INVALIDATE_FINISH,
    MNCK_CALLBACK_INVALIDATE_START,
    MNCK_CALLBACK_RELEASE,
    MNCK_CALLBACK_SECONDARY_TLBS,
    MNCK_CALLBACK_START,
    MNCK_CALLBACK_TEST_YOUNG, //
};

/// A subscription, copied.
pub(crate) type Subscription = mnck_subscription;

impl Subscription {
    /// Returns what the table of callbacks at `ops` says of its subscriptions. If the table is gone, they
    /// have no callbacks. Never sleeps.
    pub(crate) fn of_table(ops: usize, is_interval: bool) -> Self {
        let mut subscription = Self {
            address: 0,
            ops,
            callback: 0,
            callbacks: 0,
            is_interval,
            start: 0,
            last: 0,
        };

        // SAFETY: It is valid. The function accepts any table.
        unsafe { mnck_subscriptions_fill(&mut subscription) };
        subscription
    }

    /// Returns the names of its callbacks.
    pub(crate) fn callback_names(&self) -> CallbackNames {
        CallbackNames(self.callbacks)
    }
}

/// The names of some callbacks, as "start,end,release".
pub(crate) struct CallbackNames(u32);

impl fmt::Display for CallbackNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";

        for (callback, name) in NAMES {
            if self.0 & 1_u32.wrapping_shl(callback) != 0 {
                write!(f, "{separator}{name}")?;
                separator = ",";
            }
        }
        Ok(())
    }
}

const NAMES: [(u32, &str); 10] = [
    (MNCK_CALLBACK_START, "start"),
    (MNCK_CALLBACK_END, "end"),
    (MNCK_CALLBACK_INVALIDATE, "invalidate"),
    (MNCK_CALLBACK_INVALIDATE_START, "invalidate_start"),
    (MNCK_CALLBACK_INVALIDATE_FINISH, "invalidate_finish"),
    (MNCK_CALLBACK_SECONDARY_TLBS, "secondary_tlbs"),
    (MNCK_CALLBACK_CLEAR_FLUSH_YOUNG, "clear_flush_young"),
    (MNCK_CALLBACK_CLEAR_YOUNG, "clear_young"),
    (MNCK_CALLBACK_TEST_YOUNG, "test_young"),
    (MNCK_CALLBACK_RELEASE, "release"),
];

/// What the core knows of the ranges of an mm that are open, copied.
pub(crate) type CoreState = mnck_core_state;

/// The name of a driver or of a function: a symbol and its module.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Symbol([u8; MNCK_DRIVER_LEN as usize]);

impl Symbol {
    /// Looks up the function that has `address` in it. Never sleeps.
    pub(crate) fn of_function(address: usize) -> Self {
        let mut name = [0; MNCK_DRIVER_LEN as usize];

        // SAFETY: The function accepts any address, and `name` has `MNCK_DRIVER_LEN` bytes.
        unsafe { mnck_function_name(address, name.as_mut_ptr().cast()) };
        Self(name)
    }

    /// Looks the driver of `subscription` up. Never sleeps.
    pub(crate) fn of_driver(subscription: &Subscription) -> Self {
        let mut name = [0; MNCK_DRIVER_LEN as usize];

        // SAFETY: Both are valid, and `name` has `MNCK_DRIVER_LEN` bytes.
        unsafe { mnck_subscriptions_driver(subscription, name.as_mut_ptr().cast()) };
        Self(name)
    }

    /// Returns the name: the symbol and the module.
    pub(crate) fn as_str(&self) -> &str {
        CStr::from_bytes_until_nul(&self.0)
            .ok()
            .and_then(|name| name.to_str().ok())
            .unwrap_or("?")
    }
}

/// Returns the address of each callback in the table of callbacks at `ops`, or 0, by the numbers
/// `MNCK_CALLBACK_*`. If the table is gone, all are 0.
pub(crate) fn callbacks_of(ops: usize, is_interval: bool) -> [usize; MNCK_CALLBACKS as usize] {
    let mut callbacks = [0; MNCK_CALLBACKS as usize];

    // SAFETY: The function accepts any address, and writes as many addresses as there is memory for.
    unsafe { mnck_subscriptions_callbacks(ops, is_interval, callbacks.as_mut_ptr()) };
    callbacks
}

/// Returns what the core knows of the ranges of `mm`. Returns `None` if the layout was not compared.
/// Never sleeps.
///
/// # Safety
///
/// There is a reference to `mm`, of any kind.
pub(super) unsafe fn state_of(mm: *mut mm_struct) -> Option<CoreState> {
    let mut state = MaybeUninit::uninit();

    // SAFETY: By the safety requirements. If the return value is true `state` was written.
    unsafe { mnck_subscriptions_state(mm, state.as_mut_ptr()).then(|| state.assume_init()) }
}

/// Returns the address of the table of callbacks and of the mm of a subscription that was put and is
/// not freed.
pub(crate) fn put_subscription(subscription: usize) -> Option<(usize, usize)> {
    let (mut ops, mut mm) = (0, 0);

    // SAFETY: The function accepts any address, and both pointers are valid for writing.
    unsafe { mnck_subscriptions_put_one(subscription, &mut ops, &mut mm) }.then_some((ops, mm))
}

/// Shows that the core keeps the subscriptions as `subscriptions.c` assumes.
#[derive(Clone, Copy)]
pub(crate) struct Layout(());

impl Layout {
    /// Compares the layout with what the core does for the current process. Sleeps.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: the layout is another, or a range of the process was open all the time.
    /// - [`ESRCH`]: the current task is a kernel thread.
    /// - [`EINTR`], [`ENOMEM`]: as for `mmu_notifier_get()`.
    pub(crate) fn calibrate() -> Result<Self> {
        // SAFETY: This may sleep, and the current task holds no lock of its mm.
        to_result(unsafe { mnck_subscriptions_calibrate() })?;
        Ok(Self(()))
    }
}

/// A process that has subscriptions.
pub(crate) struct Process {
    /// Its id, in the initial pid namespace.
    pub(crate) pid: i32,
    comm: [u8; 16],
    mm: NonNull<mm_struct>,
}

// SAFETY: A reference to an mm may be used and dropped by any task.
unsafe impl Send for Process {}
// SAFETY: Several tasks may copy the subscriptions of an mm at the same time.
unsafe impl Sync for Process {}

impl Process {
    /// Returns the process with the lowest id above `after` that has subscriptions.
    pub(crate) fn next(after: i32) -> Option<Self> {
        let mut mm = core::ptr::null_mut();
        let mut comm = [0; 16];

        // SAFETY: Both pointers are valid for writing, `comm` of 16 bytes.
        let pid = unsafe { mnck_subscriptions_next(after, &mut mm, comm.as_mut_ptr().cast()) };

        Some(Self {
            pid,
            comm,
            mm: NonNull::new(mm)?,
        })
    }

    /// Returns all processes that have subscriptions, by increasing ids.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let mut passed = 0;

        core::iter::from_fn(move || {
            let process = Self::next(passed)?;

            passed = process.pid;
            Some(process)
        })
    }

    /// Returns its name, with a NUL behind it.
    pub(crate) fn comm(&self) -> &[u8; 16] {
        &self.comm
    }

    /// Returns the address of its mm. Only to be compared.
    pub(crate) fn mm(&self) -> usize {
        self.mm.as_ptr().addr()
    }

    /// Returns what the core knows of its ranges.
    pub(crate) fn state(&self, _: Layout) -> Option<CoreState> {
        // SAFETY: This has a reference to the mm.
        unsafe { state_of(self.mm.as_ptr()) }
    }

    /// Copies its subscriptions. May sleep, to allocate memory.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: out of memory.
    pub(crate) fn subscriptions(&self, _: Layout) -> Result<(CoreState, KVVec<Subscription>)> {
        let mut all = KVVec::new();

        loop {
            let mut state = MaybeUninit::uninit();
            let room = u32::try_from(all.capacity()).unwrap_or(u32::MAX);

            // SAFETY: The layout was compared. The process has a reference to the mm, which has
            // subscriptions. `all` has memory for `room` of them.
            let number = unsafe {
                mnck_subscriptions_copy(
                    self.mm.as_ptr(),
                    all.spare_capacity_mut().as_mut_ptr().cast(),
                    room,
                    state.as_mut_ptr(),
                )
            };
            if number <= room {
                // SAFETY: So many were copied, and there is memory for them. The function has
                // written `state`.
                return Ok(unsafe {
                    all.inc_len(number as usize);
                    (state.assume_init(), all)
                });
            }
            all.reserve(number as usize, GFP_KERNEL)?;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SAFETY: This owns a reference, from `mnck_subscriptions_next()`.
        unsafe { mnck_subscriptions_put(self.mm.as_ptr()) };
    }
}
