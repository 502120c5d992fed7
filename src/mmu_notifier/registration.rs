// SPDX-License-Identifier: GPL-2.0

//! Tying a subscriber to an address space.

use core::pin::Pin;

use kernel::{
    bindings,
    error::to_result,
    mm::{
        Mm,
        MmWithUser, //
    },
    module::this_module,
    prelude::*,
    types::Opaque, //
};

use crate::ffi;

/// What the subscribers of every flavour have in common.
#[vtable]
pub trait Subscriber: Sized + Send + Sync + 'static {
    /// The address space goes, or the registration does: drop all translations, make no new ones.
    /// `release` of `struct mmu_notifier_ops`.
    ///
    /// Comes once, or, if the mm exits while the registration is dropped, twice, and both calls may
    /// run at the same time. Other callbacks may still run beside it and shortly after it.
    ///
    /// Context: task context; may sleep. No lock of mm is held but a read side of the notifiers'
    /// SRCU, so it must not unregister a subscriber or drop the last user of an mm.
    fn release(self: Pin<&Self>, _mm: &Mm) {
        kernel::build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }
}

/// A kind of registration: which callbacks the core calls, and how.
///
/// # Safety
///
/// `OPS` must keep the core's rules: its callbacks take a `subscription` that belongs to a
/// `Registration<Self>`; a start that can fail has no end, fails with -EAGAIN alone and only if the
/// range is non-blockable; `arch_invalidate_secondary_tlbs` stands neither with a start nor with an
/// end; `alloc_notifier` and `free_notifier` are absent.
pub unsafe trait Flavour {
    /// The subscriber's type.
    type Subscriber: Subscriber;

    /// The callback table.
    const OPS: &'static bindings::mmu_notifier_ops;
}

/// A subscriber, registered with an address space. Unregistered on drop.
///
/// It keeps the `struct mm_struct` (the core does, by `mmgrab`) and the module, but not the address
/// space: that goes when its process does, and [`Subscriber::release`] says so.
///
/// Dropping it sleeps until every callback that runs, of any subscriber of any mm, has returned; no
/// callback of this one is called afterwards. So it must not be dropped in a callback, nor while
/// holding a lock that a callback takes.
///
/// A registration that is leaked stays registered, and keeps its module from being unloaded; so
/// does one that the module's own struct owns. And whoever drops one must be kept loaded by
/// something else, such as an open file: the module may go as soon as the registration's reference
/// does, while the code that dropped it still runs.
///
/// # Invariants
///
/// `subscription` is registered, with the table `F::OPS`; and a reference to the module of the
/// subscriber's code is held.
#[pin_data(PinnedDrop)]
pub struct Registration<F: Flavour> {
    #[pin]
    subscription: Opaque<bindings::mmu_notifier>,
    #[pin]
    subscriber: F::Subscriber,
    // Last, since the code of the other fields' destructors is in the module.
    _module: ModuleReference<<F::Subscriber as Subscriber>::OwnerModule>,
}

// SAFETY: A registration may be dropped by another task than the one that made it, and the
// subscriber is `Send`.
unsafe impl<F: Flavour> Send for Registration<F> {}
// SAFETY: There is nothing to do with a `&Registration` but to look at the subscriber, which is
// `Sync`.
unsafe impl<F: Flavour> Sync for Registration<F> {}

impl<F: Flavour> Registration<F> {
    /// Registers `subscriber` with the mm that `user` uses. `__mmu_notifier_register()`.
    ///
    /// Callbacks may come before this returns. It sleeps, so it must not be called in a callback;
    /// and the caller must hold no lock that a callback takes, and no lock of mm.
    ///
    /// # Errors
    ///
    /// - [`EINTR`]: a signal came while the locks of the mm were taken.
    /// - [`ENOMEM`]: out of memory.
    /// - [`ENODEV`]: the module is being unloaded.
    /// - What the subscriber's initialiser fails with.
    pub fn new<'a, E>(
        user: &'a MmWithUser,
        subscriber: impl PinInit<F::Subscriber, E> + 'a,
    ) -> impl PinInit<Self, Error> + 'a
    where
        Error: From<E>,
        E: 'a,
        F: 'a,
    {
        try_pin_init!(Self {
            _module: ModuleReference::new()?,
            subscriber <- subscriber,
            // Last: a callback may come at once, and finds the fields above in place.
            // INVARIANT: `register()` registers it, or fails.
            subscription <- Opaque::try_ffi_init(|slot: *mut bindings::mmu_notifier| {
                // SAFETY: `slot` is valid for writing.
                unsafe { slot.write(pin_init::zeroed()) };
                // SAFETY: As above.
                unsafe { (*slot).ops = F::OPS };
                // SAFETY: `slot` is initialised, and pinned until `drop()` has unregistered it. By
                // the duties of `Flavour` the table is fit for it.
                unsafe { register(slot, user) }
            }),
        }? Error)
    }

    /// The subscriber.
    pub fn subscriber(self: Pin<&Self>) -> Pin<&F::Subscriber> {
        // SAFETY: `subscriber` is structurally pinned.
        unsafe { self.map_unchecked(|this| &this.subscriber) }
    }
}

#[pinned_drop]
impl<F: Flavour> PinnedDrop for Registration<F> {
    fn drop(self: Pin<&mut Self>) {
        let subscription = self.subscription.get();

        // SAFETY: By the type invariant it is registered, with the mm that the core has noted in
        // it; and this is the only place that unregisters it.
        unsafe { bindings::mmu_notifier_unregister(subscription, (*subscription).mm) };
    }
}

/// Registers `subscription` with `mm`.
///
/// This is `mmu_notifier_register()`, except that a caller can be killed while it waits for the
/// mmap lock, whose holder may wait for long, in another subscriber's start. The locks of the VMAs
/// and of the reverse mapping, which come next, cannot be waited for so.
///
/// # Safety
///
/// `subscription` must be valid, with its `ops` set to a table that keeps the core's rules, and
/// stay so until it is unregistered, if this succeeds.
unsafe fn register(subscription: *mut bindings::mmu_notifier, mm: &MmWithUser) -> Result {
    // SAFETY: `mm` is valid.
    to_result(unsafe { ffi::mnck_helper_mmap_write_lock_killable(mm.as_raw()) })?;

    // SAFETY: The mmap lock is held for writing, and `mm` has a user. The rest is the caller's
    // duty.
    let ret = unsafe { bindings::__mmu_notifier_register(subscription, mm.as_raw()) };

    // SAFETY: Taken above.
    unsafe { ffi::mnck_helper_mmap_write_unlock(mm.as_raw()) };

    to_result(ret)
}

/// The subscriber that a callback is called for.
///
/// # Safety
///
/// `subscription` must belong to a `Registration<F>` that stays registered for all of `'a`.
pub(super) unsafe fn subscriber<'a, F: Flavour>(
    subscription: *mut bindings::mmu_notifier,
) -> Pin<&'a F::Subscriber> {
    let subscription = Opaque::cast_from(subscription);

    // SAFETY: By the duty above it is that field of a registration.
    let registration =
        unsafe { kernel::container_of!(subscription, Registration<F>, subscription) };

    // Not by a reference to the whole, of which `subscription` may still be under construction.
    //
    // SAFETY: The subscriber was initialised before the registration could be seen, is pinned, and
    // is dropped only after unregistering, which waits for this callback.
    unsafe { Pin::new_unchecked(&(*registration).subscriber) }
}

/// The release callback of every flavour.
///
/// # Safety
///
/// Called by core mm alone: `subscription` belongs to a `Registration<F>`, and is registered with
/// `mm`.
pub(super) unsafe extern "C" fn release<F: Flavour>(
    subscription: *mut bindings::mmu_notifier,
    mm: *mut bindings::mm_struct,
) {
    // SAFETY: By the duties of this function, for the time of the call.
    let (subscriber, mm) = unsafe { (subscriber::<F>(subscription), Mm::from_raw(mm)) };

    subscriber.release(mm);
}

/// A reference that keeps the module `M` loaded.
///
/// # Invariants
///
/// A reference to the module is held.
struct ModuleReference<M: kernel::ModuleMetadata>(core::marker::PhantomData<M>);

impl<M: kernel::ModuleMetadata> ModuleReference<M> {
    /// Fails with [`ENODEV`] if the module is being unloaded.
    fn new() -> Result<Self> {
        // SAFETY: It is a valid module, of which code runs.
        if !unsafe { bindings::try_module_get(this_module::<M>().as_ptr()) } {
            return Err(ENODEV);
        }

        // INVARIANT: The reference was just taken.
        Ok(Self(core::marker::PhantomData))
    }
}

impl<M: kernel::ModuleMetadata> Drop for ModuleReference<M> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant there is a reference to give up.
        unsafe { bindings::module_put(this_module::<M>().as_ptr()) };
    }
}
