// SPDX-License-Identifier: GPL-2.0

//! Subscribers of which each address space has one, shared by all that ask for it.

use core::{
    cell::OnceCell,
    marker::{
        PhantomData,
        PhantomPinned, //
    },
    pin::Pin,
    ptr::NonNull, //
};

use kernel::{
    bindings,
    error::from_err_ptr,
    mm::{
        Mm,
        MmWithUser, //
    },
    prelude::*,
    sync::Arc,
    types::Opaque, //
};

use super::{
    module_reference::ModuleReference,
    subscriber::Node,
    Flavour,
    MmapWriteGuard,
    Subscriber,
    TaskContext, //
};

/// A promise that dropping a value does not sleep.
///
/// The destructor of a shared subscriber runs with bottom halves disabled. So it must free memory
/// that `kfree()` can free, and no more: it must not take a mutex, nor drop a
/// [`Registration`](super::Registration) or a reference to an mm. What needs more goes to a work
/// item. No type can see this; a kernel with `CONFIG_DEBUG_ATOMIC_SLEEP` does.
pub trait AtomicDrop {}

/// A subscriber that a [`Domain`] makes, on the first demand for an mm.
///
/// # Examples
///
/// What all that use an address space with a device have in common is made once for each:
///
/// ```
/// use core::pin::Pin;
/// use kernel::{mm::Mm, prelude::*, sync::{atomic::{Atomic, Relaxed}, Arc}};
/// use mnck::mmu_notifier::{
///     AtomicDrop, Bare, Domain, Shared, SharedRef, Subscriber, TaskContext,
/// };
///
/// struct AddressSpace {
///     dead: Atomic<bool>,
/// }
///
/// // It has nothing to drop.
/// impl AtomicDrop for AddressSpace {}
///
/// #[vtable]
/// impl Subscriber for AddressSpace {
///     fn release(self: Pin<&Self>, _mm: &Mm) {
///         self.dead.store(true, Relaxed);
///     }
/// }
///
/// impl Shared for AddressSpace {
///     fn new(_mm: &Mm) -> impl PinInit<Self, Error> {
///         Ok(Self { dead: Atomic::new(false) })
///     }
/// }
///
/// /// The current process's, with `domain` made once by `Domain::new()`.
/// fn open(
///     domain: &Arc<Domain<Bare<AddressSpace>>>,
///     task: &mut TaskContext,
/// ) -> Result<SharedRef<Bare<AddressSpace>>> {
///     let current = current!();
///
///     domain.get(current.mm().ok_or(ESRCH)?, task)
/// }
/// ```
pub trait Shared: Subscriber + AtomicDrop {
    /// The subscriber of `mm`. `alloc_notifier` of `struct mmu_notifier_ops`.
    ///
    /// Context: the mmap lock is held for writing. May sleep, and allocate, but not touch user
    /// memory, or register a subscriber.
    fn new(mm: &Mm) -> impl PinInit<Self, Error>;
}

/// A family of shared subscribers: for each mm there is at most one. `mmu_notifier_get()` and
/// `mmu_notifier_put()`.
///
/// A subscriber lives from the first [`get`](Self::get) to the last drop of a [`SharedRef`], and a
/// moment longer: it is freed when no callback can run any more, without anyone waiting. Until then
/// it keeps the domain, and its module loaded: a module's exit cannot begin before the last free.
/// (`mmu_notifier_synchronize()`, which C calls in the exit for this, waits for a grace period but
/// not for the callbacks that are queued behind it.)
// In cache lines of its own: each CPU that calls a callback reads `ops`, and the count of the `Arc`
// changes with each subscriber.
#[repr(align(64))]
#[pin_data]
pub struct Domain<F: Flavour> {
    /// By its address the core tells one family's subscriber from another's.
    ops: bindings::mmu_notifier_ops,
    #[pin]
    _pin: PhantomPinned,
    _flavour: PhantomData<fn() -> F>,
}

#[pin_data]
struct SharedNode<F: Flavour> {
    #[pin]
    node: Node<F>,
    /// What has the table of `node`. Filled in under the mmap lock, before the first reference is
    /// given away.
    domain: OnceCell<Arc<Domain<F>>>,
    // Last, since the code of the other fields' destructors is in the module.
    _module: ModuleReference<<F::Subscriber as Subscriber>::OwnerModule>,
}

impl<F: Flavour> Domain<F>
where
    F::Subscriber: Shared,
{
    /// A domain that has no subscriber yet. May sleep.
    pub fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                ops: bindings::mmu_notifier_ops {
                    alloc_notifier: Some(alloc::<F>),
                    free_notifier: Some(free::<F>),
                    ..F::OPS
                },
                _pin: PhantomPinned,
                _flavour: PhantomData,
            }),
            GFP_KERNEL,
        )
    }

    /// The subscriber of the mm that `user` uses, made if there is none. `mmu_notifier_get()`, but
    /// it can be killed while it waits for the mmap lock.
    ///
    /// # Errors
    ///
    /// - [`EINTR`]: a signal came while the locks of the mm were taken.
    /// - [`ENOMEM`]: out of memory.
    /// - [`ENODEV`]: the module is being unloaded.
    /// - [`EOVERFLOW`]: it has 2^32 - 1 references.
    /// - What [`Shared::new`] fails with.
    pub fn get(
        self: &Arc<Self>,
        user: &MmWithUser,
        task: &mut TaskContext,
    ) -> Result<SharedRef<F>> {
        self.get_locked(&MmapWriteGuard::lock(user, task)?)
    }

    /// As [`get`](Self::get), with the mmap lock taken before. `mmu_notifier_get_locked()`.
    pub fn get_locked(self: &Arc<Self>, locked: &MmapWriteGuard<'_>) -> Result<SharedRef<F>> {
        let ops = &raw const self.ops;
        // SAFETY: The lock is held for writing, and the mm has a user. The table stays for as long
        // as a subscription has it: see below.
        let subscription = unsafe { bindings::mmu_notifier_get_locked(ops, locked.mm().as_raw()) };
        let subscription = NonNull::new(from_err_ptr(subscription)?).ok_or(ENOMEM)?;

        // SAFETY: All subscriptions with this table come from `alloc()`, and this one has a
        // reference, ours. The lock serialises who fills in the cell.
        let domain =
            unsafe { &(*SharedNode::<F>::from_subscription(subscription.as_ptr())).domain };
        domain.get_or_init(|| self.clone());

        // INVARIANT: The reference is the one that the core has just given.
        Ok(SharedRef {
            subscription,
            _flavour: PhantomData,
        })
    }
}

impl<F: Flavour> SharedNode<F> {
    /// The node that `subscription` belongs to.
    ///
    /// # Safety
    ///
    /// There must be one.
    unsafe fn from_subscription(subscription: *mut bindings::mmu_notifier) -> *const Self {
        // SAFETY: By the duty above it is a field of a node, which is a field of such a node.
        unsafe {
            let node = Node::<F>::from_subscription(subscription);

            kernel::container_of!(node, Self, node)
        }
    }
}

/// A reference to a shared subscriber. Given up on drop, which never sleeps and is allowed in any
/// callback, but not in an interrupt handler: `mmu_notifier_put()`.
///
/// The subscriber's [`release`](Subscriber::release) comes only if its mm exits. So whoever drops
/// the last reference must have seen to it that no translation is left.
///
/// # Invariants
///
/// Has a reference to `subscription`, which belongs to a `SharedNode<F>`.
pub struct SharedRef<F: Flavour> {
    subscription: NonNull<bindings::mmu_notifier>,
    _flavour: PhantomData<F>,
}

// SAFETY: Any task may give up the reference, and the last of them frees the subscriber, which is
// `Send`, wherever that was.
unsafe impl<F: Flavour> Send for SharedRef<F> {}
// SAFETY: There is nothing to do with a `&SharedRef` but to look at the subscriber, which is
// `Sync`.
unsafe impl<F: Flavour> Sync for SharedRef<F> {}

impl<F: Flavour> SharedRef<F> {
    /// The subscriber.
    pub fn subscriber(&self) -> Pin<&F::Subscriber> {
        // SAFETY: By the type invariant it is there for as long as this is, and it is pinned.
        unsafe {
            Pin::new_unchecked(
                &(*Node::<F>::from_subscription(self.subscription.as_ptr())).subscriber,
            )
        }
    }

    /// The address space, which may have been released.
    pub fn mm(&self) -> &Mm {
        // SAFETY: The core holds the mm for as long as there is a reference.
        unsafe { Mm::from_raw((*self.subscription.as_ptr()).mm) }
    }
}

impl<F: Flavour> Drop for SharedRef<F> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant there is a reference to give up.
        unsafe { bindings::mmu_notifier_put(self.subscription.as_ptr()) };
    }
}

/// # Safety
///
/// Called by the core alone, from `mmu_notifier_get_locked()`: `mm` is valid.
unsafe extern "C" fn alloc<F: Flavour>(mm: *mut bindings::mm_struct) -> *mut bindings::mmu_notifier
where
    F::Subscriber: Shared,
{
    // SAFETY: By the duties of this function, for the time of the call.
    let mm = unsafe { Mm::from_raw(mm) };
    let made = KBox::try_pin_init(
        try_pin_init!(SharedNode::<F> {
            _module: ModuleReference::new()?,
            domain: OnceCell::new(),
            // The core fills in the table.
            node <- Node::new(F::Subscriber::new(mm), core::ptr::null(), |_| Ok(())),
        }),
        GFP_KERNEL_ACCOUNT,
    );

    match made {
        Ok(made) => {
            // SAFETY: It stays pinned: `free()` drops it in place.
            let made = KBox::into_raw(unsafe { Pin::into_inner_unchecked(made) });

            // SAFETY: `made` is valid.
            Opaque::cast_into(unsafe { &raw const (*made).node.subscription })
        }
        Err(error) => error.to_ptr(),
    }
}

/// # Safety
///
/// Called by the core alone, last: `subscription` comes from [`alloc`].
unsafe extern "C" fn free<F: Flavour>(subscription: *mut bindings::mmu_notifier)
where
    F::Subscriber: Shared,
{
    // SAFETY: By the duties of this function it is a node's, and nobody else looks at it any more.
    let made = unsafe { SharedNode::<F>::from_subscription(subscription) };

    // The module may go as soon as its reference has gone, and this code with it; but not before
    // this returns: it runs with bottom halves disabled, and RCU, for which the unloading waits,
    // waits for that.
    //
    // SAFETY: `alloc()` has made it a box, and this is the only drop.
    drop(unsafe { KBox::from_raw(made.cast_mut()) });
}
