// SPDX-License-Identifier: GPL-2.0

//! MMU notifiers.
//!
//! A secondary MMU (of a virtual machine, a GPU, an RDMA card) keeps its own translations of a
//! process's memory. An MMU notifier tells it of each change to the primary page tables in time to
//! drop the translations that the change makes stale: core mm brackets the change of a [`Range`]
//! between a *start* and an *end*.
//!
//! C has two types for this, `struct mmu_notifier` for a whole address space and `struct
//! mmu_interval_notifier` for a part of one, and each serves subscribers with different duties.
//! Here each duty has a trait, and what it forbids cannot be written. With the trait goes a
//! *flavour*, which is what a registration is made for:
//!
//! | trait | flavour | for who |
//! |---|---|---|
//! | [`Paired`] | [`StartEnd`] | must know when a change is under way: has a start and an end, can fail neither. KVM |
//! | [`Fallible`] | [`StartOnly`] | must take a lock that may be taken: has a start alone, which may refuse. RDMA |
//! | [`SecondaryTlb`] | [`TlbOnly`] | has a TLB that walks the CPU's page tables. IOMMU SVA |
//! | [`Subscriber`] | [`Bare`] | needs none of these, but a release or the young callbacks |
//! | [`Interval`] | [`OnePass`] | has a shadow of a part of the page tables. GPUs |
//! | [`TwoPass`] | [`TwoPasses`] | and takes time to stop using it |
//!
//! [`Subscriber`] has the callbacks that any of the first four may have. A [`Registration`] ties
//! one of these to an [`Mm`] until it is dropped, an [`IntervalRegistration`] one of the others; a
//! [`Domain`] has one subscriber for each mm, shared by all that ask for it.
//!
//! A subscriber that could refuse *and* wants an end cannot be: once one start has refused, the
//! core ends the range for all who have an end, and a subscriber could not tell whether its own
//! start was the one that failed. Nor can a start hand a value to its end: ranges nest and overlap
//! without bound, the core has no place for a value in a range, and a start has nothing to fall back
//! on if memory for one runs out. Count, or key what must be kept by the range's address space and
//! bounds.
//!
//! Most ranges are *blockable*: the callbacks may sleep. The ranges of the OOM reaper and of
//! `process_mrelease(2)` are not, because the reaper must not wait for a lock whose holder waits
//! for memory. Callbacks learn which by a [`CallbackContext`], and it gives each what that kind
//! allows: the right to sleep ([`MaySleep`]), or the right to refuse ([`NoSleep::would_block`]).
//! What must not be done in a callback at all takes a [`TaskContext`], which there is none of there.
//!
//! C header: [`include/linux/mmu_notifier.h`](srctree/include/linux/mmu_notifier.h)
//!
//! [`Mm`]: kernel::mm::Mm

#[cfg(not(CONFIG_MMU_NOTIFIER))]
compile_error!(
    "this kernel has no MMU notifiers: CONFIG_MMU_NOTIFIER has no prompt, enable CONFIG_KVM or \
     CONFIG_TEST_HMM, which select it"
);

mod bare;
pub use bare::Bare;

mod context;
pub use context::{
    CallbackContext,
    MaySleep,
    NoSleep,
    WouldBlock, //
};

mod fallible;
pub use fallible::{
    Fallible,
    StartOnly, //
};

#[cfg(CONFIG_HMM_MIRROR)]
mod fault;
#[cfg(CONFIG_HMM_MIRROR)]
pub use fault::{
    Faulted,
    PageBuffer,
    PageEntry,
    ValidPages, //
};

#[cfg(mnck_kunit)]
mod hand_made;
#[cfg(mnck_kunit)]
pub(crate) use hand_made::HandMade;

mod handle;

mod interval;
pub use interval::{
    AtomicBackend,
    Collided,
    Done,
    Interval,
    IntervalFlavour,
    IntervalRegistration,
    IntervalSubscriber,
    Invalidate,
    Locked,
    OnePass,
    Pass,
    ReadSection,
    Retry,
    SharedLock,
    TwoPass,
    TwoPasses,
    UserLock,
    Valid, //
};

#[cfg(mnck_kunit)]
mod kunit;

mod mmap_lock;
pub use mmap_lock::MmapWriteGuard;

mod module_reference;

mod paired;
pub use paired::{
    Paired,
    StartEnd, //
};

mod range;
pub use range::{
    Event,
    Owner,
    Range,
    RangeId, //
};

mod registration;
pub use registration::Registration;

mod secondary_tlb;
pub use secondary_tlb::{
    Flush,
    SecondaryTlb,
    TlbOnly, //
};

mod shared;
pub use shared::{
    AtomicDrop,
    Domain,
    Shared,
    SharedRef, //
};

mod subscriber;
pub use subscriber::{
    Flavour,
    Subscriber, //
};

mod task;
pub use task::TaskContext;
