// SPDX-License-Identifier: GPL-2.0

//! Tying an interval subscriber to a part of an address space.

use core::{
    ops::Range,
    pin::Pin, //
};

use kernel::{
    bindings,
    error::to_result,
    ffi::c_ulong,
    mm::{
        Mm,
        MmWithUser, //
    },
    prelude::*, //
};

use super::{
    IntervalFlavour,
    IntervalNode,
    IntervalSubscriber,
    Locked,
    ReadSection,
    Shadow, //
};
use crate::mmu_notifier::{
    handle::Handle,
    module_reference::ModuleReference,
    MmapWriteGuard,
    TaskContext, //
};

/// An interval subscriber, registered with a part of an address space. Removed on drop.
///
/// It keeps the `struct mm_struct` and the module, but not the address space. When that goes, the
/// subscriber is told by an invalidation of all of it, with [`Event::Release`], and stays
/// registered.
///
/// Dropping it sleeps until the invalidations of the address space that are under way have ended;
/// no callback comes afterwards. The rules are those for a [`Registration`]: not in a callback,
/// where it is refused, nor under a lock that a callback takes; and a leaked one stays.
///
/// Up to Linux 7.3 it may sleep for ever, as may [`read_begin`](Self::read_begin): see
/// [`Fallible`](crate::mmu_notifier::Fallible).
///
/// [`Event::Release`]: crate::mmu_notifier::Event::Release
/// [`Registration`]: crate::mmu_notifier::Registration
///
/// # Examples
///
/// A device that shadows the pages of a process takes one over when it needs it:
///
/// ```
/// use kernel::{mm::MmWithUser, page::PAGE_SIZE, prelude::*};
/// use mnck::mmu_notifier::{
///     IntervalFlavour, IntervalRegistration, IntervalSubscriber, PageBuffer, TaskContext,
///     UserLock,
/// };
///
/// /// The address and the frame number of each page that the device has.
/// type Pages = KVec<(usize, usize)>;
///
/// fn map<F>(
///     registration: &IntervalRegistration<F>,
///     user: &MmWithUser,
///     page: usize,
///     task: &mut TaskContext,
/// ) -> Result
/// where
///     F: IntervalFlavour<Subscriber: IntervalSubscriber<UserLock: UserLock<Shadow = Pages>>>,
/// {
///     let mut buffer = PageBuffer::new(1)?;
///
///     loop {
///         let section = registration.read_begin(task);
///         let faulted =
///             match section.fault_in(user, page..page + PAGE_SIZE, true, &mut buffer, task) {
///                 Err(EBUSY) => continue,
///                 result => result?,
///             };
///
///         if let Ok(mut found) = faulted.lock(task) {
///             let (pages, entries) = found.parts();
///
///             for pfn in entries.iter().filter_map(|entry| entry.pfn()) {
///                 pages.push((page, pfn), GFP_NOWAIT)?;
///             }
///             return Ok(());
///         }
///     }
/// }
///
/// fn attach<F>(
///     user: &MmWithUser,
///     subscriber: F::Subscriber,
///     task: &mut TaskContext,
/// ) -> Result<IntervalRegistration<F>>
/// where
///     F: IntervalFlavour<Subscriber: IntervalSubscriber<UserLock = kernel::sync::Mutex<Pages>>>,
/// {
///     let pages = kernel::new_mutex!(Pages::new(), "pages");
///
///     IntervalRegistration::new(user, 0..1 << 30, subscriber, pages, task)
/// }
/// ```
pub struct IntervalRegistration<F: IntervalFlavour>(Handle<Registered<F>>);

/// # Invariants
///
/// `node.subscription` is inserted, and a reference to the module of the subscriber's code is held.
#[pin_data(PinnedDrop)]
struct Registered<F: IntervalFlavour> {
    #[pin]
    node: IntervalNode<F::Subscriber>,
    // Last, since the code of the other field's destructor is in the module.
    _module: ModuleReference<<F::Subscriber as IntervalSubscriber>::OwnerModule>,
}

impl<F: IntervalFlavour> IntervalRegistration<F> {
    const OPS: &'static bindings::mmu_interval_notifier_ops = &F::OPS;

    /// Registers `subscriber` for `range`, in bytes, of the mm that `user` uses, with its user lock
    /// and the shadow in it (`new_mutex!(shadow, "name")`). `mmu_interval_notifier_insert()`.
    ///
    /// Callbacks may come before this returns; if invalidations of other subscribers are under way,
    /// only when these have ended, which the read side waits for. It sleeps; the caller must hold no
    /// lock that a callback takes, and no lock of mm.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: the range is empty.
    /// - [`EINTR`]: a signal came while the locks of the mm were taken, for the first subscriber.
    /// - [`ENOMEM`]: out of memory.
    /// - [`ENODEV`]: the module is being unloaded.
    /// - What the subscriber's initialiser fails with.
    pub fn new<E>(
        user: &MmWithUser,
        range: Range<usize>,
        subscriber: impl PinInit<F::Subscriber, E>,
        lock: impl PinInit<<F::Subscriber as IntervalSubscriber>::UserLock>,
        _task: &mut TaskContext,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        Self::insert(
            user,
            range,
            subscriber,
            lock,
            bindings::mmu_interval_notifier_insert,
        )
    }

    /// As [`new`](Self::new), with the mmap lock taken before.
    /// `mmu_interval_notifier_insert_locked()`.
    ///
    /// The initialisers run under the lock: they must touch no user memory.
    pub fn new_locked<E>(
        locked: &MmapWriteGuard<'_>,
        range: Range<usize>,
        subscriber: impl PinInit<F::Subscriber, E>,
        lock: impl PinInit<<F::Subscriber as IntervalSubscriber>::UserLock>,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        Self::insert(
            locked.mm(),
            range,
            subscriber,
            lock,
            bindings::mmu_interval_notifier_insert_locked,
        )
    }

    /// Only with `insert` being the locked one if the mmap lock is held, and the other if not.
    fn insert<E>(
        user: &MmWithUser,
        range: Range<usize>,
        subscriber: impl PinInit<F::Subscriber, E>,
        lock: impl PinInit<<F::Subscriber as IntervalSubscriber>::UserLock>,
        insert: unsafe extern "C" fn(
            *mut bindings::mmu_interval_notifier,
            *mut bindings::mm_struct,
            c_ulong,
            c_ulong,
            *const bindings::mmu_interval_notifier_ops,
        ) -> kernel::ffi::c_int,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        if range.is_empty() {
            return Err(EINVAL);
        }
        let length = range.end.wrapping_sub(range.start);

        // INVARIANT: The node's last step inserts it, or fails.
        Ok(Self(Handle::new(try_pin_init!(Registered {
            _module: ModuleReference::new()?,
            node <- IntervalNode::new(subscriber, lock, |subscription| {
                // SAFETY: The mm has a user, and is locked or not as `insert` wants it.
                // `subscription` is initialised, and pinned until `drop()` has removed it. By the
                // duties of `IntervalFlavour` the table is fit for it.
                to_result(unsafe {
                    insert(subscription, user.as_raw(), range.start, length, Self::OPS)
                })
            }),
        }))?))
    }

    /// Begins to look up translations: `mmu_interval_read_begin()`. If the subscriber has been told
    /// of an invalidation that is still under way, sleeps until that, and all others of the address
    /// space that came meanwhile, have ended.
    ///
    /// The caller must hold no lock that a callback takes, and no lock of mm.
    pub fn read_begin(&self, task: &mut TaskContext) -> ReadSection<'_, F::Subscriber> {
        ReadSection::begin(&self.0.node, task)
    }

    /// Takes the user lock, to look at the shadow. May sleep.
    pub fn lock<'t>(&self, task: &'t mut TaskContext) -> Locked<'_, 't, F::Subscriber> {
        Locked {
            guard: self.0.node.lock().lock(),
            _task: task,
        }
    }

    /// Takes the user lock for the time of `evict`, which may remove translations from the shadow,
    /// for lack of room or need, but must not install any. May sleep.
    pub fn evict<R>(
        &self,
        _task: &mut TaskContext,
        evict: impl FnOnce(&mut Shadow<F::Subscriber>) -> R,
    ) -> R
    where
        Shadow<F::Subscriber>: Unpin,
    {
        evict(&mut self.0.node.lock().lock())
    }

    /// The subscriber.
    pub fn subscriber(&self) -> Pin<&F::Subscriber> {
        // SAFETY: The node is structurally pinned.
        unsafe { self.0.get().map_unchecked(|this| &this.node) }.subscriber()
    }

    /// The address space, which may have been released.
    pub fn mm(&self) -> &Mm {
        // SAFETY: The core has noted the mm when it inserted the subscription, and holds it until
        // that is removed.
        unsafe { Mm::from_raw((*self.0.node.subscription.get()).mm) }
    }

    /// Drops the registration, where that is known to be allowed.
    pub fn unregister(self, task: &mut TaskContext) {
        self.0.drop_in(task);
    }
}

#[pinned_drop]
impl<F: IntervalFlavour> PinnedDrop for Registered<F> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant it is inserted; and this is the only place that removes it.
        unsafe { bindings::mmu_interval_notifier_remove(self.node.subscription.get()) };
    }
}
