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
    prelude::*, //
};

use super::{
    handle::Handle,
    module_reference::ModuleReference,
    subscriber::Node,
    Flavour,
    MmapWriteGuard,
    Subscriber,
    TaskContext, //
};

/// A subscriber, registered with an address space. Unregistered on drop.
///
/// It keeps the `struct mm_struct` (the core does, by `mmgrab`) and the module, but not the address
/// space: that goes when its process does, and [`Subscriber::release`] says so.
///
/// Dropping it sleeps until every callback of a registration that runs, of any mm, has returned; no
/// callback of this one is called afterwards. So it must not be dropped while holding a lock that a
/// callback takes. Nor in a callback, of whatever kind, where it may wait for itself; that is a
/// WARN, and the registration is leaked. (A kernel without `CONFIG_STACKTRACE` or `CONFIG_KALLSYMS`
/// cannot tell, and waits.) [`unregister`](Self::unregister) is the drop that can't be written
/// there.
///
/// A registration that is leaked stays registered, and keeps its module from being unloaded; so
/// does one that the module's own struct owns. And whoever drops one must be kept loaded by
/// something else, such as an open file: the module may go as soon as the registration's reference
/// does, while the code that dropped it still runs.
///
/// # Examples
///
/// A subscriber that has a start and an end, registered with the current process:
///
/// ```
/// use core::pin::Pin;
/// use kernel::{prelude::*, sync::atomic::{Atomic, Relaxed}};
/// use mnck::mmu_notifier::{
///     CallbackContext, Paired, Range, Registration, StartEnd, Subscriber, TaskContext,
/// };
///
/// struct Guest {
///     invalidating: Atomic<usize>,
/// }
///
/// #[vtable]
/// impl Subscriber for Guest {}
///
/// impl Paired for Guest {
///     fn start(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {
///         self.invalidating.add(1, Relaxed);
///     }
///
///     fn end(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {
///         self.invalidating.add(usize::MAX, Relaxed);
///     }
/// }
///
/// fn attach(task: &mut TaskContext) -> Result<Registration<StartEnd<Guest>>> {
///     let current = current!();
///     let user = current.mm().ok_or(ESRCH)?;
///
///     Registration::new(user, Guest { invalidating: Atomic::new(0) }, task)
/// }
/// ```
pub struct Registration<F: Flavour>(Handle<Registered<F>>);

/// # Invariants
///
/// `node.subscription` is registered, and a reference to the module of the subscriber's code is
/// held.
#[pin_data(PinnedDrop)]
struct Registered<F: Flavour> {
    #[pin]
    node: Node<F>,
    // Last, since the code of the other field's destructor is in the module.
    _module: ModuleReference<<F::Subscriber as Subscriber>::OwnerModule>,
}

impl<F: Flavour> Registration<F> {
    const OPS: &'static bindings::mmu_notifier_ops = &F::OPS;

    /// Registers `subscriber` with the mm that `user` uses. `mmu_notifier_register()`, which this
    /// betters in that it can be killed while it waits for the mmap lock.
    ///
    /// Callbacks may come before this returns. It sleeps; the caller must hold no lock that a
    /// callback takes, and no lock of mm, which the `mmap` file operation does.
    ///
    /// # Errors
    ///
    /// - [`EINTR`]: a signal came while the locks of the mm were taken.
    /// - [`ENOMEM`]: out of memory.
    /// - [`ENODEV`]: the module is being unloaded.
    /// - What the subscriber's initialiser fails with.
    pub fn new<E>(
        user: &MmWithUser,
        subscriber: impl PinInit<F::Subscriber, E>,
        task: &mut TaskContext,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        Self::build(subscriber, |subscription| {
            // Not before: an initialiser may do what must not be done under the lock.
            let locked = MmapWriteGuard::lock(user, task)?;

            // SAFETY: As `build()` says; and the lock is held for writing.
            unsafe { register(subscription, locked.mm()) }
        })
    }

    /// As [`new`](Self::new), with the mmap lock taken before. `__mmu_notifier_register()`.
    ///
    /// The subscriber's initialiser runs under the lock: it must touch no user memory. So does its
    /// destructor, if this fails.
    pub fn new_locked<E>(
        locked: &MmapWriteGuard<'_>,
        subscriber: impl PinInit<F::Subscriber, E>,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        Self::build(subscriber, |subscription| {
            // SAFETY: As `build()` says; and the lock is held for writing.
            unsafe { register(subscription, locked.mm()) }
        })
    }

    /// Makes the subscriber where it will stay, and then registers it: `register` is called with a
    /// subscription that is initialised, with a table that is fit for it by the duties of
    /// [`Flavour`], and that is pinned until `drop()` has unregistered it, unless `register` fails.
    fn build<E>(
        subscriber: impl PinInit<F::Subscriber, E>,
        register: impl FnOnce(*mut bindings::mmu_notifier) -> Result,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        // INVARIANT: The node's last step registers it, or fails.
        Ok(Self(Handle::new(try_pin_init!(Registered {
            _module: ModuleReference::new()?,
            node <- Node::new(subscriber, Self::OPS, register),
        }))?))
    }

    /// The subscriber.
    pub fn subscriber(&self) -> Pin<&F::Subscriber> {
        // SAFETY: The node and its subscriber are structurally pinned.
        unsafe { self.0.get().map_unchecked(|this| &this.node.subscriber) }
    }

    /// The address space, which may have been released.
    pub fn mm(&self) -> &Mm {
        // SAFETY: The core has noted the mm when it registered the subscription, and holds it
        // until that is unregistered.
        unsafe { Mm::from_raw((*self.0.node.subscription.get()).mm) }
    }

    /// Drops the registration, where that is known to be allowed.
    pub fn unregister(self, task: &mut TaskContext) {
        self.0.drop_in(task);
    }
}

#[pinned_drop]
impl<F: Flavour> PinnedDrop for Registered<F> {
    fn drop(self: Pin<&mut Self>) {
        let subscription = self.node.subscription.get();

        // SAFETY: By the type invariant it is registered, with the mm that the core has noted in
        // it; and this is the only place that unregisters it.
        unsafe { bindings::mmu_notifier_unregister(subscription, (*subscription).mm) };
    }
}

/// `__mmu_notifier_register()`.
///
/// # Safety
///
/// The mmap lock of `mm` must be held for writing. `subscription` must be valid, with a table that
/// keeps the core's rules, and stay so until it is unregistered, if this succeeds.
unsafe fn register(subscription: *mut bindings::mmu_notifier, mm: &MmWithUser) -> Result {
    // SAFETY: The mm has a user. The rest is the caller's duty.
    to_result(unsafe { bindings::__mmu_notifier_register(subscription, mm.as_raw()) })
}
